package courier

import (
	"context"
	"net/netip"
)

// ClaimOne claims a message as a process does that is killed then.
func (c *Courier) ClaimOne(ctx context.Context) (bool, error) {
	_, ok, err := c.claim(ctx, byMail)
	return ok, err
}

// IsPublic is isPublic.
func IsPublic(a netip.Addr) bool { return isPublic(a) }

// PostTo posts to a URL as to a hook that was registered with another one.
func PostTo(ctx context.Context, url, registered string) error {
	t := hookTarget(registered)
	t.url = url
	return t.post(ctx, nil, []byte("{}"))
}
