package dahua

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/icholy/digest"

	"rekey"
	"rekey/internal/rtsp"
	"rekey/internal/transport"
)

// streamWait is how long the usual stream port has to answer; the true one is
// in the settings, once somebody is logged in.
const streamWait = 3 * time.Second

// Identify looks at what the recorder says to anybody: the realm of its digest
// challenge, the state of its first set-up, its page title, and which doors
// answer. No account name and no password is sent.
func (d *Driver) Identify(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	at := rekey.Interface{Kind: rekey.InterfaceCGI, Host: t.Host, Port: t.HTTPPort(), TLS: t.TLS}
	var more sync.WaitGroup
	stream := rekey.Interface{Kind: rekey.InterfaceRTSP, Host: t.Host, Port: 554}
	streams := false
	more.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, streamWait)
		defer cancel()
		streams = rtsp.Probe(ctx, stream) == nil
	})
	id, err := d.fingerprint(ctx, at)
	var elsewhere *transport.RedirectError
	if errors.As(err, &elsewhere) && elsewhere.Same && elsewhere.To.Address() != at.Address() {
		id, err = d.fingerprint(ctx, elsewhere.To)
		id.Learnt = append(id.Learnt, rekey.Fact{What: "moved from " + at.Address(), From: "HTTP redirect"})
	}
	more.Wait()
	if err != nil {
		return rekey.Identity{}, err
	}
	if streams {
		id.Interfaces = append(id.Interfaces, stream)
	}
	return id, nil
}

// fingerprint asks at one web port.
func (d *Driver) fingerprint(ctx context.Context, at rekey.Interface) (rekey.Identity, error) {
	c := transport.New(at, d.log, d.limits)
	defer c.Close()
	id := rekey.Identity{Init: rekey.InitUnknown}
	res, err := c.Do(ctx, transport.Request{Path: "/cgi-bin/magicBox.cgi", Query: "action=getDeviceType"})
	if err != nil {
		return id, err
	}
	hasCGI := readCGI(&id, res)
	hasRPC := readRPC(ctx, &id, &rpc{http: c})
	if ctx.Err() != nil {
		return id, fmt.Errorf("%w: %s: %w", rekey.ErrUnreachable, at.Address(), ctx.Err())
	}
	if !hasCGI && !hasRPC {
		return id, fmt.Errorf("%w: what answers at %s speaks neither the CGI nor the RPC of the Dahua family", rekey.ErrNotRecorder, at.Address())
	}
	readTitle(ctx, &id, c)
	door := c.At()
	if hasRPC {
		door.Kind = rekey.InterfaceRPC2
		id.Interfaces = append(id.Interfaces, door)
	}
	if hasCGI {
		door.Kind = rekey.InterfaceCGI
		id.Interfaces = append(id.Interfaces, door)
	}
	return id, nil
}

// serialRealm is a realm with the serial in it; newer firmware has 32 hex digits
// there, of which nothing can be learnt.
var (
	serialRealm = regexp.MustCompile(`^Login to ([0-9A-Za-z_-]{4,31})$`)
	familyRealm = regexp.MustCompile(`^(Login to [!-~]{1,120}|Device_CGI)$`)
	basicRealm  = regexp.MustCompile(`(?i)^basic realm="([^"]*)"`)
)

// readCGI takes what an unauthenticated CGI request tells.
func readCGI(id *rekey.Identity, res transport.Response) bool {
	switch res.Status {
	case http.StatusOK:
		l, err := parseLines(res.Body)
		if err != nil || l["type"] == "" {
			return false
		}
		id.Family = family
		id.Learnt = append(id.Learnt, rekey.Fact{What: "family", From: "CGI without login"})
		if model := transport.Printable(l["type"]); !numeric.MatchString(model) {
			id.Model = model
			id.Learnt = append(id.Learnt, rekey.Fact{What: "model", From: "CGI without login"})
		}
		return true
	case http.StatusUnauthorized:
		return readRealm(id, res)
	}
	return false
}

func readRealm(id *rekey.Identity, res transport.Response) bool {
	const from = "HTTP digest realm"
	realm := ""
	for _, v := range res.Header.Values("WWW-Authenticate") {
		if m := basicRealm.FindStringSubmatch(v); m != nil && realm == "" {
			realm = m[1]
		}
		if c, err := digest.ParseChallenge(v); err == nil {
			realm = c.Realm
		}
	}
	if !familyRealm.MatchString(realm) {
		// Before its first set-up a recorder says this to every CGI, without a challenge.
		if realm != "" || clean(string(res.Body)) != "Invalid Authority!" {
			return false
		}
	}
	id.Family = family
	id.Learnt = append(id.Learnt, rekey.Fact{What: "family", From: from})
	if strings.HasPrefix(realm, "Login to ") { // the other one is the same on every recorder
		id.Realm = realm
	}
	if m := serialRealm.FindStringSubmatch(realm); m != nil {
		id.Serial = m[1]
		id.Learnt = append(id.Learnt, rekey.Fact{What: "serial", From: from})
	}
	return true
}

// familyCodes is where the error codes of the family begin; those of other JSON
// services are small or negative.
const familyCodes = 1 << 28

// readRPC asks for the state of the first set-up, which needs no session, and
// where that is not known, whether there is an RPC at all.
func readRPC(ctx context.Context, id *rekey.Identity, r *rpc) bool {
	const method = "DevInit.getStatus"
	answer, _, err := r.ask(ctx, question{path: pathOutside, method: method})
	if err != nil || (!answer.ok() && answer.Code < familyCodes) {
		// Without a session this is answered with an error, by whoever speaks RPC.
		answer, _, err = r.ask(ctx, question{path: pathRPC, method: "global.getCurrentTime"})
		if err != nil || answer.Code < familyCodes {
			return false
		}
	}
	if id.Family == "" {
		id.Family = family
		id.Learnt = append(id.Learnt, rekey.Fact{What: "family", From: "RPC2"})
	}
	var told struct{ Init *int }
	if r.read(method, answer, &told) == nil && told.Init != nil {
		switch *told.Init {
		case 1:
			id.Init = rekey.InitFactory
		case 0, 2:
			id.Init = rekey.InitDone
		}
	}
	if id.Init != rekey.InitUnknown {
		id.Learnt = append(id.Learnt, rekey.Fact{What: "init", From: method})
	}
	return true
}

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.{0,200}?)</title>`)

// readTitle takes the maker's name out of the page title, where it stands there.
func readTitle(ctx context.Context, id *rekey.Identity, c *transport.Client) {
	res, err := c.Do(ctx, transport.Request{Path: "/", Limit: 256 << 10})
	if err != nil || res.Status != http.StatusOK {
		return
	}
	m := titleTag.FindSubmatch(res.Body)
	if m == nil {
		return
	}
	title := html.UnescapeString(string(m[1]))
	for _, vendor := range []string{"Lorex", "Amcrest", "Dahua"} {
		if strings.Contains(strings.ToLower(title), strings.ToLower(vendor)) {
			id.Vendor = vendor
			id.Learnt = append(id.Learnt, rekey.Fact{What: "vendor", From: "page title"})
			return
		}
	}
}
