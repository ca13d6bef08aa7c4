package dahua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"rekey"
	"rekey/internal/rtsp"
	"rekey/internal/transport"
)

// sideWait is how long the usual ports have to answer that were not asked for;
// the true ones are in the settings, once somebody is logged in.
const sideWait = 3 * time.Second

// ports are where recorders listen usually.
type ports struct{ http, https, rtsp int }

func usualPorts() ports { return ports{http: 80, https: 443, rtsp: 554} }

// Identify looks at what the recorder says to anybody: the realms of its digest
// challenges, the state of its first set-up, its page title, its certificate,
// and which doors answer. No account name and no password is sent, and nothing
// that begins a login.
func (d *Driver) Identify(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	var beside sync.WaitGroup
	s := streams{at: rekey.Interface{Kind: rekey.InterfaceRTSP, Host: t.Host, Port: d.ports.rtsp}}
	beside.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, sideWait)
		defer cancel()
		var err error
		s.realms, err = rtsp.Probe(ctx, s.at, streamPath)
		s.answers = err == nil
	})
	v, err := d.web(ctx, t)
	beside.Wait()
	switch {
	case err == nil:
		return v.with(s, t)
	case s.answers && t.Port == 0 && errors.Is(err, rekey.ErrUnreachable) && ctx.Err() == nil && redirected(err) == nil:
		return s.alone()
	}
	return rekey.Identity{}, err
}

// redirected is the redirect that err is about; nil: it is about something else.
func redirected(err error) (moved *transport.RedirectError) {
	errors.As(err, &moved)
	return moved
}

// web looks at the web port that was named. Where none was named, the usual one
// of HTTPS is looked at, too.
func (d *Driver) web(ctx context.Context, t rekey.Target) (*visit, error) {
	at := rekey.Interface{Kind: rekey.InterfaceCGI, Host: t.Host, Port: t.HTTPPort(), TLS: t.TLS}
	if t.Port != 0 {
		return d.visitOrMoved(ctx, at)
	}
	if at.Port = d.ports.https; t.TLS {
		return d.visitOrMoved(ctx, at)
	}
	safe := at
	safe.TLS, at.Port = true, d.ports.http
	var beside sync.WaitGroup
	beside.Go(func() { safe.CertSHA256 = d.contact(ctx, safe) })
	v, err := d.visitOrMoved(ctx, at)
	beside.Wait()
	switch {
	case safe.CertSHA256 == "":
	case err != nil:
		if there, failed := d.visit(ctx, safe); failed == nil {
			redirected(err).Note(&there.id)
			return there, nil
		}
	case !v.http.At().TLS:
		v.alsoAt(ctx, safe)
	}
	return v, err
}

// visitOrMoved goes on once to where the recorder sends on to, if that is surely
// the recorder itself.
func (d *Driver) visitOrMoved(ctx context.Context, at rekey.Interface) (*visit, error) {
	v, moved, err := transport.Follow(at, func(at rekey.Interface) (*visit, error) { return d.visit(ctx, at) })
	if err != nil {
		return nil, err
	}
	moved.Note(&v.id)
	return v, nil
}

// contact is the fingerprint of the certificate there; "": nobody speaks TLS.
func (d *Driver) contact(ctx context.Context, at rekey.Interface) string {
	ctx, cancel := context.WithTimeout(ctx, sideWait)
	defer cancel()
	c := transport.New(at, d.log, d.limits)
	defer c.Close()
	if err := c.Contact(ctx); err != nil {
		d.log.DebugContext(ctx, "no TLS beside", slog.String("host", at.Address()), slog.Any("error", err))
		return ""
	}
	return c.At().CertSHA256
}

// streams are what answered at the usual stream port.
type streams struct {
	at      rekey.Interface
	answers bool
	realms  []string
}

// realm is the first one that is of the family.
func (s streams) realm() (string, bool) {
	i := slices.IndexFunc(s.realms, familyRealm.MatchString)
	if i < 0 {
		return "", false
	}
	return s.realms[i], true
}

// alone is the identity of a recorder of which nothing but the stream port answers.
func (s streams) alone() (rekey.Identity, error) {
	id := rekey.Identity{Init: rekey.InitUnknown}
	realm, known := s.realm()
	if !known {
		told := "without asking for a login"
		if len(s.realms) > 0 {
			told = fmt.Sprintf("with the realm %q", transport.Printable(s.realms[0]))
		}
		return id, fmt.Errorf("%w: only streams answer at %s (RTSP, %s), and not as the Dahua family does", rekey.ErrNotRecorder, s.at.Address(), told)
	}
	takeRealm(&id, realm, "RTSP realm")
	id.Interfaces = []rekey.Interface{s.at}
	noEncryption(&id)
	return id, nil
}

// with ends the visit: the streams are added, and what they tell decides where
// the web port leaves it open. Behind a port that was named, another box may
// stand than at the usual stream port; so they decide there only if the web
// port refuses to say anything.
func (v *visit) with(s streams, t rekey.Target) (rekey.Identity, error) {
	realm, known := s.realm()
	if known && (t.Port == 0 || (v.shut && v.id.Family == "")) {
		takeRealm(&v.id, realm, "RTSP realm")
	}
	if v.id.Family == "" && v.shut && v.alike {
		v.id.Family = family
		note(&v.id, "family", "page title WEB SERVICE beside HTTP 403 (weak)")
	}
	if v.id.Family == "" {
		return rekey.Identity{}, fmt.Errorf("%w: what answers at %s speaks neither the CGI nor the RPC of the Dahua family%s", rekey.ErrNotRecorder, v.http.At().Address(), v.words())
	}
	v.addDoors()
	if s.answers {
		v.id.Interfaces = append(v.id.Interfaces, s.at)
	}
	noEncryption(&v.id)
	return v.id, nil
}

// noEncryption looks at the doors that were seen.
func noEncryption(id *rekey.Identity) {
	if !slices.ContainsFunc(id.Interfaces, func(i rekey.Interface) bool { return i.TLS }) {
		id.Odd("no-encryption", "No encrypted door was seen at it, so on this network passwords can be read on their way; use its HTTPS port if it has one, or change passwords at its own screen.")
	}
}
