package lan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rekey/internal/recorder"
)

// onvifOperations are all operations of the device service that the recorder
// knows. The others are optional, and refused as such.
var onvifOperations = map[string]operation{
	"GetSystemDateAndTime":   {anybody, onvifTime},
	"GetCapabilities":        {anybody, onvifCapabilities},
	"GetServices":            {anybody, onvifServices},
	"GetServiceCapabilities": {anybody, onvifServiceCapabilities},
	"GetDeviceInformation":   {anyUser, onvifInformation},
	"GetNetworkProtocols":    {anyUser, onvifProtocols},
	"SetNetworkProtocols":    {adminWrites, onvifNotSupported},
	"GetUsers":               {adminReads, onvifUsers},
	"CreateUsers":            {adminWrites, onvifCreateUsers},
	"SetUser":                {adminWrites, onvifSetUser},
	"DeleteUsers":            {adminWrites, onvifDeleteUsers},
}

func onvifNotSupported(*onvifCall) (string, error) {
	return "", receiverFault("Optional Action Not Implemented", "ActionNotSupported")
}

// onvifTime tells the recorder's clock, which a token must be close to.
func onvifTime(c *onvifCall) (string, error) {
	now := c.box.Now()
	return nest("tds:SystemDateAndTime",
		tag("tt:DateTimeType", "Manual"), tag("tt:DaylightSavings", "false"), nest("tt:TimeZone", tag("tt:TZ", "UTC0")),
		nest("tt:UTCDateTime", dateTime(now)), nest("tt:LocalDateTime", dateTime(now))), nil
}

func dateTime(t time.Time) string {
	number := func(name string, n int) string { return tag(name, strconv.Itoa(n)) }
	return nest("tt:Time", number("tt:Hour", t.Hour()), number("tt:Minute", t.Minute()), number("tt:Second", t.Second())) +
		nest("tt:Date", number("tt:Year", t.Year()), number("tt:Month", int(t.Month())), number("tt:Day", t.Day()))
}

func onvifInformation(c *onvifCall) (string, error) {
	i := c.box.Info()
	return tag("tds:Manufacturer", i.Vendor) + tag("tds:Model", i.Model) + tag("tds:FirmwareVersion", i.Firmware+", build "+i.BuildDate) +
		tag("tds:SerialNumber", i.Serial) + tag("tds:HardwareId", hardwareVersion), nil
}

// address is the URL of the service as this client reached it.
func (c *onvifCall) xaddr() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + ONVIFPath
}

func onvifServices(c *onvifCall) (string, error) {
	capabilities := ""
	if c.ask.value("IncludeCapability") == "true" {
		capabilities = nest("tds:Capabilities", deviceCapabilities())
	}
	return nest("tds:Service", tag("tds:Namespace", nsDevice), tag("tds:XAddr", c.xaddr()), capabilities,
		nest("tds:Version", tag("tt:Major", "16"), tag("tt:Minor", "12"))), nil
}

func onvifServiceCapabilities(*onvifCall) (string, error) { return deviceCapabilities(), nil }

// deviceCapabilities lists no security policies: nobody but an admin changes a
// password here.
func deviceCapabilities() string {
	return nest("tds:Capabilities", "<tds:Network/>",
		fmt.Sprintf(`<tds:Security UsernameToken="true" HttpDigest="true" MaxUsers="%d" MaxUserNameLength="%d"/>`, recorder.MaxAccounts, recorder.MaxAccountName),
		"<tds:System/>")
}

func onvifCapabilities(c *onvifCall) (string, error) {
	switch c.ask.value("Category") {
	case "", "All", "Device":
		return nest("tds:Capabilities", nest("tt:Device", tag("tt:XAddr", c.xaddr()))), nil
	}
	return "", receiverFault("No Such Service", "ActionNotSupported", "NoSuchService")
}

// onvifProtocols are the doors with their true ports. One that is not served is
// listed as not enabled, at the port of the settings.
func onvifProtocols(c *onvifCall) (string, error) {
	var b strings.Builder
	for _, p := range []struct {
		name, table string
		port        int
	}{{"HTTP", "Web", c.ports.HTTP}, {"HTTPS", "Https", c.ports.HTTPS}, {"RTSP", "RTSP", c.ports.RTSP}} {
		t, known := c.box.Table(p.table)
		if !known {
			continue
		}
		b.WriteString(nest("tds:NetworkProtocols", tag("tt:Name", p.name), tag("tt:Enabled", strconv.FormatBool(p.port != 0)), tag("tt:Port", t["Port"])))
	}
	return b.String(), nil
}
