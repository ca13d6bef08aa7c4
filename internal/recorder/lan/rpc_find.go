package lan

import "rekey/internal/recorder/clips"

// owner owns the finder objects and log searches of this session.
func (c *rpcCall) owner() string { return "rpc:" + c.session.id }

// rpcFindCreate gives the number of the new object as the result itself.
func rpcFindCreate(c *rpcCall) (any, any, error) {
	id, ok := c.finders.create(c.owner())
	if !ok {
		return nil, nil, errManyObjects
	}
	return id, nil, nil
}

// rpcFindFile has the result false when nothing was found.
func rpcFindFile(c *rpcCall) (any, any, error) {
	cond, err := rpcCondition(c.req.Params)
	if err != nil {
		return nil, nil, err
	}
	n, ok, err := c.find(c.owner(), c.req.Object, cond)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, errNoObject
	}
	return n > 0, nil, nil
}

func rpcFindCount(c *rpcCall) (any, any, error) {
	n := 0
	if !c.finders.with(c.owner(), c.req.Object, func(f *finder) { n = len(f.found) }) {
		return nil, nil, errNoObject
	}
	return true, map[string]int{"count": n}, nil
}

func rpcFindNext(c *rpcCall) (any, any, error) {
	var p struct{ Count int }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	if p.Count < 1 || p.Count > maxPage {
		return nil, nil, errParameter
	}
	var found []clips.Clip
	if !c.finders.with(c.owner(), c.req.Object, func(f *finder) { found = c.next(f, p.Count) }) {
		return nil, nil, errNoObject
	}
	infos := []recording{}
	for _, clip := range found {
		infos = append(infos, wireForm(clip))
	}
	return true, map[string]any{"found": len(infos), "infos": infos}, nil
}

func rpcFindClose(c *rpcCall) (any, any, error) {
	if !c.finders.with(c.owner(), c.req.Object, func(f *finder) { f.found, f.begun = nil, false }) {
		return nil, nil, errNoObject
	}
	return true, nil, nil
}

func rpcFindDestroy(c *rpcCall) (any, any, error) {
	if !c.finders.destroy(c.owner(), c.req.Object) {
		return nil, nil, errNoObject
	}
	return true, nil, nil
}
