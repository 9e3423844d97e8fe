"""HTTP edges, one package an audience: parse, call one service, answer."""
