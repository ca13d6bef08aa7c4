package faces

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// ONVIF is a device that speaks it.
type ONVIF struct {
	UUID   string
	Types  string   // of its ProbeMatch; empty: a recorder's
	Scopes []string // without "onvif://www.onvif.org/", unless they hold "://"
	XAddrs []string // empty: where it is
	Times  int
	Typed  bool // answers only who asks for its type
	// Open: what anybody gets beside what the standard gives everybody.
	Open []string
	// Manufacturer, Model and the rest are what GetDeviceInformation tells.
	Manufacturer, Model, Firmware, Serial, Hardware string
	// HTTPChallenge is the realm with which it refuses by HTTP, in place of a
	// fault of SOAP.
	HTTPChallenge string
}

const scopeBase = "onvif://www.onvif.org/"

func (o ONVIF) scopes() []string {
	var all []string
	for _, s := range o.Scopes {
		if !strings.Contains(s, "://") {
			s = scopeBase + s
		}
		all = append(all, s)
	}
	return all
}

// Matches is what goes back to a Probe that asks for such a device.
func (o ONVIF) Matches(b *Box, question []byte) [][]byte {
	var probe struct {
		Header struct{ MessageID, Action string }
		Body   struct{ Probe *struct{ Types string } }
	}
	if xml.Unmarshal(question, &probe) != nil || probe.Body.Probe == nil || !strings.HasSuffix(probe.Header.Action, "/discovery/Probe") {
		return nil
	}
	types := cmp.Or(o.Types, "dn:NetworkVideoTransmitter tds:Device")
	asked := strings.Fields(probe.Body.Probe.Types)
	if o.Typed && len(asked) == 0 {
		return nil
	}
	for _, a := range asked {
		if !slices.ContainsFunc(strings.Fields(types), func(has string) bool { return local(has) == local(a) }) {
			return nil
		}
	}
	xaddrs := o.XAddrs
	if len(xaddrs) == 0 {
		xaddrs = []string{"http://" + b.at(b.Ports.HTTP) + "/onvif/device_service"}
	}
	answer := fmt.Sprintf(probeMatches, nonce(8), probe.Header.MessageID, o.UUID, types, strings.Join(o.scopes(), " "), strings.Join(xaddrs, " "))
	return slices.Repeat([][]byte{[]byte(answer)}, max(1, o.Times))
}

func local(name string) string { return name[strings.LastIndex(name, ":")+1:] }

const probeMatches = `<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof" xmlns:wprt="http://schemas.microsoft.com/windows/2006/08/wdp/print">
<s:Header><a:MessageID>uuid:%s</a:MessageID><a:RelatesTo>%s</a:RelatesTo><a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header>
<s:Body><d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:%s</a:Address></a:EndpointReference>
<d:Types>%s</d:Types><d:Scopes>%s</d:Scopes><d:XAddrs>%s</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>`

// Device is the device service, by SOAP 1.2.
func (o ONVIF) Device(b *Box) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/onvif/device_service" || r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		o.answer(w, b, callOf(body))
	})
}

func (o ONVIF) answer(w http.ResponseWriter, b *Box, operation string) {
	everybody := []string{"GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetServiceCapabilities", "GetHostname", "GetWsdlUrl", "GetEndpointReference"}
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	if !slices.Contains(everybody, operation) && !slices.Contains(o.Open, operation) {
		o.refuse(w)
		return
	}
	answer := o.says(b, operation)
	if answer == "" {
		soapFault(w, http.StatusInternalServerError, "Receiver", "ActionNotSupported", "Optional Action Not Implemented")
		return
	}
	_, _ = io.WriteString(w, soapHead+"<tds:"+operation+"Response>"+answer+"</tds:"+operation+"Response>"+soapTail)
}

func (o ONVIF) refuse(w http.ResponseWriter) {
	if o.HTTPChallenge != "" {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm=%q, qop="auth", nonce=%q, algorithm=MD5`, o.HTTPChallenge, nonce(16)))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	soapFault(w, http.StatusBadRequest, "Sender", "NotAuthorized", "Sender not Authorized")
}

func (o ONVIF) says(b *Box, operation string) string {
	here := "http://" + b.at(b.Ports.HTTP) + "/onvif/"
	if len(o.XAddrs) > 0 {
		here = strings.TrimSuffix(o.XAddrs[0], "device_service")
	}
	switch operation {
	case "GetSystemDateAndTime":
		return clock
	case "GetServices":
		var all strings.Builder
		for ns, at := range map[string]string{"device": "device_service", "media": "media_service", "recording": "recording_service"} {
			fmt.Fprintf(&all, "<tds:Service><tds:Namespace>http://www.onvif.org/ver10/%s/wsdl</tds:Namespace><tds:XAddr>%s%s</tds:XAddr><tds:Version><tt:Major>20</tt:Major><tt:Minor>12</tt:Minor></tds:Version></tds:Service>", ns, here, at)
		}
		return all.String()
	case "GetCapabilities":
		return "<tds:Capabilities><tt:Device><tt:XAddr>" + here + "device_service</tt:XAddr></tt:Device></tds:Capabilities>"
	case "GetDeviceInformation":
		return fmt.Sprintf("<tds:Manufacturer>%s</tds:Manufacturer><tds:Model>%s</tds:Model><tds:FirmwareVersion>%s</tds:FirmwareVersion><tds:SerialNumber>%s</tds:SerialNumber><tds:HardwareId>%s</tds:HardwareId>",
			o.Manufacturer, o.Model, o.Firmware, o.Serial, o.Hardware)
	case "GetScopes":
		var all strings.Builder
		for _, s := range o.scopes() {
			fmt.Fprintf(&all, "<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>%s</tt:ScopeItem></tds:Scopes>", s)
		}
		return all.String()
	case "GetEndpointReference":
		return "<tds:GUID>urn:uuid:" + o.UUID + "</tds:GUID>"
	}
	return ""
}

const clock = `<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>EST5</tt:TZ></tt:TimeZone>` +
	`<tt:UTCDateTime><tt:Time><tt:Hour>19</tt:Hour><tt:Minute>49</tt:Minute><tt:Second>6</tt:Second></tt:Time><tt:Date><tt:Year>2026</tt:Year><tt:Month>7</tt:Month><tt:Day>9</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>`

const (
	soapHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><SOAP-ENV:Header></SOAP-ENV:Header><SOAP-ENV:Body>`
	soapTail = `</SOAP-ENV:Body></SOAP-ENV:Envelope>`
)

func soapFault(w http.ResponseWriter, status int, code, sub, text string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, soapHead+`<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:%s</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>ter:%s</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">%s</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>`+soapTail, code, sub, text)
}
