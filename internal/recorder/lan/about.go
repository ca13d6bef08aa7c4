package lan

import "rekey/internal/recorder"

// What a recorder of this class says of itself and is no setting. A recorder
// gives 31 as its device type; the model stands in updateSerial.
const (
	deviceType      = "31"
	processor       = "ST7108"
	hardwareVersion = "1.00"
	webVersion      = "3.2.7.147280"
	timeLayout      = "2006-01-02 15:04:05"
)

func boxModel(i recorder.Info) string  { return i.Model }
func boxClass(i recorder.Info) string  { return i.Class }
func boxSerial(i recorder.Info) string { return i.Serial }
func boxName(i recorder.Info) string   { return i.Name }
func boxVendor(i recorder.Info) string { return i.Vendor }
func boxHardware(recorder.Info) string { return hardwareVersion }

// tell makes an action that gives one fact.
func tell(key string, fact func(recorder.Info) string) func(*cgiCall) error {
	return func(c *cgiCall) error {
		c.line(key, fact(c.box.Info()))
		return nil
	}
}

func cgiSoftwareVersion(c *cgiCall) error {
	i := c.box.Info()
	c.line("version", i.Firmware+",build:"+i.BuildDate)
	return nil
}

func cgiSystemInfo(c *cgiCall) error {
	i := c.box.Info()
	c.line("deviceType", deviceType)
	c.line("processor", processor)
	c.line("serialNumber", i.Serial)
	c.line("updateSerial", i.Model)
	return nil
}

// definition is a figure of the product by the name that programs ask for.
func (l *lan) definition(name string) (int, bool) {
	switch name {
	case "MaxExtraStream":
		return 1, true
	case "MaxRemoteInputChannels", "RemoteVideoInputChannels":
		return l.box.Info().Channels, true
	}
	return 0, false
}

func cgiProductDefinition(c *cgiCall) error {
	name := c.q["name"]
	n, known := c.definition(name)
	if !known {
		return errBadRequest
	}
	c.line("table."+name, n)
	return nil
}

func cgiCurrentTime(c *cgiCall) error {
	c.line("result", c.box.Now().Format(timeLayout))
	return nil
}

func cgiInterfaces(c *cgiCall) error {
	c.line("netInterface[0].Name", "eth0")
	c.line("netInterface[0].Speed", 1000)
	c.line("netInterface[0].Status", "up")
	return nil
}

// protocolVersion is the version of an interface by the name that programs ask
// for; ok is false where the recorder does not speak it.
func (l *lan) protocolVersion(name string) (version string, ok bool) {
	switch {
	case name == "CGI":
		return "2.20", true
	case name == "Onvif" && l.traits.ONVIF != recorder.ONVIFNone:
		return "16.12", true
	}
	return "", false
}

func cgiProtocolVersion(c *cgiCall) error {
	version, ok := c.protocolVersion(c.q["Name"])
	if !ok {
		return errBadRequest
	}
	c.line("version", version)
	return nil
}

// rpcProtocolVersion is the same question on RPC2. Assumed: that it is asked there, too.
func rpcProtocolVersion(c *rpcCall) (any, any, error) {
	var p struct{ Name string }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	version, ok := c.protocolVersion(p.Name)
	if !ok {
		return nil, nil, errParameter
	}
	return true, map[string]string{"version": version}, nil
}
