package lan

import "strings"

func rpcGetConfig(c *rpcCall) (any, any, error) {
	var p struct{ Name string }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	t, ok := c.table(p.Name)
	if !ok {
		return nil, nil, errNoRight // the family does not tell an unknown name from a missing right
	}
	tree, err := treeOf(t)
	if err != nil {
		return nil, nil, err
	}
	return true, map[string]any{"table": tree}, nil
}

// rpcSetConfig takes the whole table back, as it was read and changed.
func rpcSetConfig(c *rpcCall) (any, any, error) {
	var p struct {
		Name  string
		Table any
	}
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	if strings.TrimSpace(p.Name) == "" || p.Table == nil {
		return nil, nil, errParameter
	}
	if _, known := c.box.Table(p.Name); !known {
		return nil, nil, errNoRight
	}
	flat, err := flatten(p.Table)
	if err != nil {
		return nil, nil, err
	}
	if err := c.box.SetTable(c.account(), p.Name, unmask(flat), c.from); err != nil {
		return nil, nil, err
	}
	return true, map[string]any{"options": []string{}}, nil
}
