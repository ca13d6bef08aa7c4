package lan

func rpcLogStart(c *rpcCall) (any, any, error) {
	var p struct {
		Condition struct {
			StartTime, EndTime string
			Types              []string
		}
	}
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	from, err := parseTime(p.Condition.StartTime)
	if err != nil {
		return nil, nil, err
	}
	to, err := parseTime(p.Condition.EndTime)
	if err != nil {
		return nil, nil, err
	}
	entries, err := c.logEntries(from, to)
	if err != nil {
		return nil, nil, err
	}
	token, ok := c.searches.start(c.owner(), ofKinds(entries, p.Condition.Types))
	if !ok {
		return nil, nil, errManyObjects
	}
	return true, map[string]int{"token": token}, nil
}

type logParams struct{ Token, Offset, Count int }

// withSearch calls do on the search that the call names.
func (c *rpcCall) withSearch(do func(*search, logParams)) error {
	var p logParams
	if err := c.params(&p); err != nil {
		return err
	}
	if !c.searches.with(c.owner(), p.Token, func(s *search) { do(s, p) }) {
		return errNoObject
	}
	return nil
}

func rpcLogCount(c *rpcCall) (any, any, error) {
	n := 0
	err := c.withSearch(func(s *search, _ logParams) { n = len(s.entries) })
	return true, map[string]int{"count": n}, err
}

func rpcLogSeek(c *rpcCall) (any, any, error) {
	var found []logEntry
	err := c.withSearch(func(s *search, p logParams) { found = append([]logEntry{}, page(s.entries, p.Offset, p.Count)...) })
	return true, map[string]any{"found": len(found), "items": found}, err
}

func rpcLogStop(c *rpcCall) (any, any, error) {
	var p logParams
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	if !c.searches.stop(c.owner(), p.Token) {
		return nil, nil, errNoObject
	}
	return true, nil, nil
}
