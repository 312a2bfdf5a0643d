"""How an event gets from its row to its receivers: the sequencer, subscriptions, queues, retention, the feed watch."""
