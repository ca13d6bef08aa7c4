package job

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"rekey"
)

// certificateError stops a run before a password is sent to whoever shows
// another certificate than the recorder did when a login succeeded there.
type certificateError struct {
	door   rekey.Interface
	before string
}

func (e *certificateError) Error() string {
	return fmt.Sprintf("%v: %s at %s shows another certificate than before: SHA-256 %s now, %s before; a factory reset, new firmware or a renewed certificate does that: "+
		"compare the fingerprint with the one that the recorder shows at its local seat or in its web page, then accept it with --accept-risk %s; else somebody else may be answering. No password was sent there",
		rekey.ErrRisk, e.door, e.door.Address(), e.door.CertSHA256, e.before, rekey.RiskNewCertificate)
}

func (e *certificateError) Unwrap() error { return rekey.ErrRisk }

// expected are the certificates that may be shown at a door: those of the plan
// that was agreed, and the one under which a login succeeded last.
func (u *run) expected(d rekey.Interface) []string {
	var all []string
	if u.j != nil {
		for _, p := range u.j.Begun.Plan.Recorder.Interfaces {
			if p.TLS && p.Port == d.Port && p.CertSHA256 != "" {
				all = append(all, p.CertSHA256)
			}
		}
	}
	if sum := u.prints[strconv.Itoa(d.Port)]; sum != "" {
		all = append(all, sum)
	}
	return all
}

// trusted refuses a door with a certificate that is not expected there, unless
// that risk was accepted by name. Where none was seen yet, the door is held to
// the expected one.
func (u *run) trusted(d rekey.Interface) (rekey.Interface, error) {
	expected := u.expected(d)
	if !d.TLS || len(expected) == 0 || slices.Contains(u.req.Accept, rekey.RiskNewCertificate) {
		return d, nil
	}
	last := expected[len(expected)-1]
	if u.odd(d) {
		return d, &certificateError{door: d, before: last}
	}
	d.CertSHA256 = cmp.Or(d.CertSHA256, last)
	return d, nil
}

// odd: the door shows another certificate than those that are expected there.
func (u *run) odd(d rekey.Interface) bool {
	before := u.expected(d)
	return d.TLS && d.CertSHA256 != "" && len(before) > 0 && !slices.Contains(before, d.CertSHA256)
}

// meet holds each door of an identity to the certificate that is expected there.
func (u *run) meet(id rekey.Identity) (rekey.Identity, error) {
	id.Interfaces = slices.Clone(id.Interfaces)
	for n, d := range id.Interfaces {
		held, err := u.trusted(d)
		if err != nil {
			return id, err
		}
		id.Interfaces[n] = held
	}
	return id, nil
}

// stripped: logins were encrypted before, and no encrypted door is left.
func (u *run) stripped(id rekey.Identity) bool {
	return len(u.prints) > 0 && !slices.ContainsFunc(id.Interfaces, func(d rekey.Interface) bool { return d.TLS })
}

// trust remembers the certificate of a door at which a login has succeeded.
func (u *run) trust(d rekey.Interface) error {
	port := strconv.Itoa(d.Port)
	if !d.TLS || d.CertSHA256 == "" || u.prints[port] == d.CertSHA256 {
		return nil
	}
	err := u.editKnown(func(all []known) []known {
		for n := range all {
			if all[n].Key == u.key {
				all[n].Certificates = maps.Clone(all[n].Certificates)
				if all[n].Certificates == nil {
					all[n].Certificates = map[string]string{}
				}
				all[n].Certificates[port] = d.CertSHA256
			}
		}
		return all
	})
	if err == nil {
		u.prints[port] = d.CertSHA256
	}
	return err
}

// trustLogin remembers the certificate of the door that a session came in by.
func (u *run) trustLogin() error {
	d, err := primary(u.plan.Recorder)
	if err != nil {
		return nil //nolint:nilerr // a door of no kind that is known here has no certificate to remember
	}
	return u.trust(d)
}
