package faces

import (
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"golang.org/x/net/ipv4"
)

// Hikvision is the web port of that family as strangers see it.
type Hikvision struct {
	Realm string
	// Lock is what newer firmware adds to a refused userCheck; empty: nothing.
	Lock  string
	Title string
}

// Pages is the handler of the box.
func (h Hikvision) Pages(*Box) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ISAPI/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest qop="auth", realm=%q, nonce=%q, stale="FALSE"`, h.Realm, nonce(24)))
		w.Header().Set("Content-Type", "application/xml; charset=\"UTF-8\"")
		w.WriteHeader(http.StatusUnauthorized)
		if r.URL.Path == "/ISAPI/Security/userCheck" {
			_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8" ?>
<userCheck version="1.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
<statusValue>401</statusValue>
<statusString>Unauthorized</statusString>
%s</userCheck>`, h.Lock)
		}
	})
	mux.HandleFunc("GET /{$}", page(h.Title, "webserver"))
	return mux
}

// SADP is how a box answers the inquiry; the texts are its elements.
type SADP struct{ Fields [][2]string }

// Replies is what goes back to an inquiry.
func (s SADP) Replies(b *Box, question []byte) [][]byte {
	var probe struct {
		XMLName     xml.Name `xml:"Probe"`
		Uuid, Types string
	}
	if xml.Unmarshal(question, &probe) != nil || probe.Types != "inquiry" {
		return nil
	}
	var all strings.Builder
	fmt.Fprintf(&all, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ProbeMatch>\n<Uuid>%s</Uuid>\n<Types>inquiry</Types>\n", probe.Uuid)
	for _, f := range s.Fields {
		fmt.Fprintf(&all, "<%s>%s</%s>\n", f[0], f[1], f[0])
	}
	fmt.Fprintf(&all, "<HttpPort>%d</HttpPort>\n<CommandPort>%d</CommandPort>\n<IPv4Address>%s</IPv4Address>\n</ProbeMatch>\n", b.Ports.HTTP, b.Ports.SDK, b.Addr)
	return [][]byte{[]byte(all.String())}
}

// joinSADP has the box hear the group at the port that it was given and answer to
// the group. The socket at its own address, in whose place it is, is closed: a
// program that listens to the group wants the port of every address.
func (b *Box) joinSADP(own *net.UDPConn) (in, out *net.UDPConn, to netip.AddrPort, err error) {
	to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), port(own))
	if err = own.Close(); err != nil {
		return nil, nil, to, err
	}
	if in, err = net.ListenMulticastUDP("udp4", b.Face.SADPGroup, net.UDPAddrFromAddrPort(to)); err != nil {
		return nil, nil, to, err
	}
	b.close = append(b.close, in)
	if out, err = b.datagram(0); err != nil {
		return nil, nil, to, err
	}
	return in, out, to, ipv4.NewPacketConn(out).SetMulticastInterface(b.Face.SADPGroup)
}
