"""HTTP: the edge, routes, bodies, answers, problems and the generated contract."""
