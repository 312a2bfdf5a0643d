-- Requests from a file (method, path, If-Match, body; tabs between): args are the file, a key or "", and "once" when
-- each may be sent only once and in order. Prints one line: RESULT requests microseconds bytes bad errors p50 p99 max.
local requests, count, sent, once = {}, 0, 0, false

function init(args)
  once = args[3] == "once"
  for line in io.lines(args[1]) do
    local method, path, match, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = { ["Host"] = "127.0.0.1" }
    if args[2] and args[2] ~= "" then headers["Authorization"] = "Bearer " .. args[2] end
    if match ~= "" then headers["If-Match"] = match end
    if body ~= "" then headers["Content-Type"] = "application/json" end
    count = count + 1
    requests[count] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
  math.randomseed(os.time())
end

function request()
  if not once then return requests[math.random(count)] end
  sent = sent + 1
  return requests[(sent - 1) % count + 1]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    e.status, e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
