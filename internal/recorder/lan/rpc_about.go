package lan

import "rekey/internal/recorder"

func rpcTell(key string, fact func(recorder.Info) string) func(*rpcCall) (any, any, error) {
	return func(c *rpcCall) (any, any, error) {
		return true, map[string]string{key: fact(c.box.Info())}, nil
	}
}

func rpcKeepAlive(*rpcCall) (any, any, error) {
	return true, map[string]int{"timeout": keepAliveInterval}, nil
}

func rpcLogout(c *rpcCall) (any, any, error) {
	c.finders.destroyAll(c.owner())
	c.sessions.end(c.session.id)
	return true, nil, nil
}

func rpcCurrentTime(c *rpcCall) (any, any, error) {
	return true, map[string]string{"time": c.box.Now().Format(timeLayout)}, nil
}

func rpcSoftwareVersion(c *rpcCall) (any, any, error) {
	i := c.box.Info()
	version := map[string]string{"Version": i.Firmware, "BuildDate": i.BuildDate, "WebVersion": webVersion}
	if i.Baseline != "" {
		version["SecurityBaseLineVersion"] = i.Baseline
	}
	return true, map[string]any{"version": version}, nil
}

func rpcSystemInfo(c *rpcCall) (any, any, error) {
	i := c.box.Info()
	return true, map[string]any{"info": map[string]string{
		"deviceType": deviceType, "processor": processor, "serialNumber": i.Serial, "updateSerial": i.Model,
	}}, nil
}

func rpcProductDefinition(c *rpcCall) (any, any, error) {
	var p struct{ Name string }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	n, known := c.definition(p.Name)
	if !known {
		return nil, nil, errParameter
	}
	return true, map[string]int{"definition": n}, nil
}

// Bits of Init in discovery replies: set up or not; public access off; phone
// link off; a reset of the password is offered (at the local seat).
const (
	initFactory = 1
	initDone    = 2
	initRest    = 1<<2 | 1<<4 | 2<<6
	resetWays   = "BC"
)

func rpcInitStatus(c *rpcCall) (any, any, error) {
	return true, map[string]any{"Find": resetWays, "Init": c.initState(), "Status": 0}, nil
}

func (l *lan) initState() int {
	if l.initialised() {
		return initDone
	}
	return initFactory
}

// rpcPasswordHelp says where help is. It is the same for every account and
// state, and holds nothing that a stranger could use.
func rpcPasswordHelp(*rpcCall) (any, any, error) {
	return true, map[string]any{
		"contactEmail": "", "contactPhone": "", "mode": 0,
		"desc": "Password help is given at the recorder itself, at its monitor and mouse: log in there and choose Forgot password.",
	}, nil
}
