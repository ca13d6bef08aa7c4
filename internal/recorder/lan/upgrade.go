package lan

// upgradeState tells whether firmware is being written, and how much of it is.
// This recorder takes none over the LAN. Assumed: the words.
func (l *lan) upgradeState() (state string, percent int) {
	if l.trouble.is(Upgrading) {
		return "Upgrading", 42
	}
	return "Idle", 0
}

// cgiUpgradeState: that state and progress are told in lines is known; assumed:
// how the lines begin.
func cgiUpgradeState(c *cgiCall) error {
	state, percent := c.upgradeState()
	c.line("State", state)
	c.line("Progress", percent)
	return nil
}

func rpcUpgraderInstance(*rpcCall) (any, any, error) { return upgraderObject, nil, nil }

// rpcUpgradeState answers with or without the object of the factory. Assumed: the
// fields, which are those that clients read of CloudUpgrader.getState.
func rpcUpgradeState(c *rpcCall) (any, any, error) {
	state, percent := c.upgradeState()
	return true, map[string]any{"State": state, "Progress": percent}, nil
}
