package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
)

// Join registers a passkey in software by a one-time link, as desk.Init and
// desk.Invite give it; the token behind # alone will do. It does not log in.
func (c *Client) Join(ctx context.Context, link rekey.Secret, label string) (*passkey.Key, desk.Agent, error) {
	token, err := c.token(link)
	if err != nil {
		return nil, desk.Agent{}, err
	}
	var begun api.Joining
	if err := c.postOnce(ctx, api.JoinBegin{Token: token}, &begun, "join", "begin"); err != nil {
		return nil, desk.Agent{}, err
	}
	key, credential, err := passkey.Create(c.origin, begun.Ceremony.Options, rand.Reader)
	if err != nil {
		return nil, desk.Agent{}, err
	}
	var who desk.Agent
	err = c.postOnce(ctx, api.Join{Token: token, ID: begun.Ceremony.ID, Credential: credential, Label: label}, &who, "join")
	if err != nil {
		return nil, desk.Agent{}, err
	}
	return key, who, nil
}

// token is what stands behind # in a one-time link of this desk.
func (c *Client) token(link rekey.Secret) (string, error) {
	address, token, found := strings.Cut(link.Reveal(), "#")
	if !found {
		return address, nil
	}
	if u, err := url.Parse(address); err != nil || u.Scheme+"://"+u.Host != c.origin {
		return "", fmt.Errorf("%w: the link is of another desk than %s", rekey.ErrInput, c.origin)
	}
	return token, nil
}

// LogIn begins a session with a passkey in software, which answers the step-ups
// of later calls as well.
func (c *Client) LogIn(ctx context.Context, key *passkey.Key) (who desk.Agent, err error) {
	var begun staff.Ceremony
	if err := c.postOnce(ctx, nil, &begun, "login", "begin"); err != nil {
		return who, err
	}
	assertion, err := key.Get(c.origin, begun.Options)
	if err != nil {
		return who, err
	}
	if err := c.postOnce(ctx, api.LogIn{ID: begun.ID, Assertion: assertion}, &who, "login"); err != nil {
		return who, err
	}
	c.key = key
	return who, nil
}

// Who is the agent of the session, or the program of the key.
func (c *Client) Who(ctx context.Context) (who desk.Agent, err error) {
	return who, c.get(ctx, &who, nil, "session")
}

// LogOut ends the session.
func (c *Client) LogOut(ctx context.Context) error { return c.remove(ctx, "session") }

// Sessions lists the sessions of an agent; empty = everybody's.
func (c *Client) Sessions(ctx context.Context, of string) ([]staff.Session, error) {
	var out api.Sessions
	err := c.get(ctx, &out, values("of", of), "sessions")
	return out.Sessions, err
}

// EndSession ends one session of an agent.
func (c *Client) EndSession(ctx context.Context, of, session string) error {
	return c.remove(ctx, "sessions", of, session)
}

func (c *Client) beginStepUp(ctx context.Context, act desk.Act, number int64, object string) (begun staff.Ceremony, err error) {
	return begun, c.postOnce(ctx, api.BeginStepUp{Act: act, Case: number, Object: object}, &begun, "step-up")
}

// values is a query of pairs of name and value; what is empty is left out.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}
