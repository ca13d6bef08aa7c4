package dahua

import (
	"bytes"
	"context"
	"net/http"

	"rekey"
	"rekey/internal/transport"
)

// Interfaces tells the doors with the ports of the recorder's own settings. The
// door in use is told as it was reached: a router may show it at another port.
func (s *session) Interfaces(ctx context.Context) ([]rekey.Interface, error) {
	webs, err := s.webPorts(ctx)
	if err != nil {
		return nil, err
	}
	var doors []rekey.Interface
	for _, at := range webs {
		doors = append(doors, s.webDoors(at)...)
	}
	t, port, err := s.port(ctx, "RTSP", "Port")
	if err != nil {
		return nil, err
	}
	if port != 0 && t.on() {
		doors = append(doors, rekey.Interface{Kind: rekey.InterfaceRTSP, Host: s.at.Host, Port: port})
	}
	for _, at := range webs {
		if s.speaksONVIF(ctx, at) {
			at.Kind = rekey.InterfaceONVIF
			doors = append(doors, at)
		}
	}
	sdk, err := s.sdk(ctx)
	return append(doors, sdk...), err
}

// webPorts are the door in use and the other one of HTTP and HTTPS, where it is on.
func (s *session) webPorts(ctx context.Context) ([]rekey.Interface, error) {
	webs := []rekey.Interface{s.pinned(ctx, s.at)}
	name := "Https"
	if s.at.TLS {
		name = "Web"
	}
	t, port, err := s.port(ctx, name, "Port")
	if err != nil {
		return nil, err
	}
	if port != 0 && t.on() {
		webs = append(webs, s.pinned(ctx, rekey.Interface{Host: s.at.Host, Port: port, TLS: !s.at.TLS}))
	}
	return webs, nil
}

// webDoors are what answers at one web port.
func (s *session) webDoors(at rekey.Interface) []rekey.Interface {
	c := at
	c.Kind = rekey.InterfaceCGI
	if s.rpc == nil {
		return []rekey.Interface{c}
	}
	r := at
	r.Kind = rekey.InterfaceRPC2
	return []rekey.Interface{r, c}
}

// sdk is the door of the maker's own client: by the settings, else as discovery
// told it.
func (s *session) sdk(ctx context.Context) ([]rekey.Interface, error) {
	at, known := s.id.Interface(rekey.InterfaceSDK)
	_, port, err := s.port(ctx, "DVRIP", "TCPPort")
	switch {
	case err != nil:
		return nil, err
	case port != 0:
		at = rekey.Interface{Kind: rekey.InterfaceSDK, Host: s.at.Host, Port: port}
	case !known:
		return nil, nil
	}
	return []rekey.Interface{at}, nil
}

// onvifTime is a question that ONVIF answers without a login (Core, access class
// PRE_AUTH), so that it tells whether ONVIF is spoken at a port and costs no try.
const onvifTime = `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>` +
	`<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>`

// speaksONVIF reports whether ONVIF's device service answers at a web port; no
// where nothing answers in time.
func (s *session) speaksONVIF(ctx context.Context, at rekey.Interface) bool {
	ctx, cancel := context.WithTimeout(ctx, sideWait)
	defer cancel()
	c := transport.New(at, s.log, s.driver.limits)
	defer c.Close()
	res, err := c.Do(ctx, transport.Request{
		Method: http.MethodPost, Path: "/onvif/device_service", Type: "application/soap+xml; charset=utf-8", Body: []byte(onvifTime), Limit: 64 << 10,
	})
	return err == nil && isONVIF(res.Body)
}

// isONVIF reports whether an answer is SOAP and names ONVIF: a fault does, too.
func isONVIF(body []byte) bool {
	return bytes.Contains(body, []byte("Envelope")) && bytes.Contains(body, []byte("http://www.onvif.org/ver10/"))
}

// port reads a port of a table; 0 when the recorder does not tell it.
func (s *session) port(ctx context.Context, name, key string) (*table, int, error) {
	t, err := s.table(ctx, name)
	if absent(err) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	n, ok := whole(t.flat[key])
	if !ok || n < 1 || n > 65535 {
		return t, 0, nil
	}
	return t, int(n), nil
}

var _ rekey.InterfaceLister = (*session)(nil)
