package onvif

import (
	"context"
	"sync"

	"rekey"
)

// session is one login. Nothing of it is kept at the device.
type session struct {
	driver *Driver
	id     rekey.Identity
	main   *entrance

	replays replays

	mu   sync.Mutex
	safe *entrance // the same over HTTPS, where the session came in by HTTP; made when needed
	shut error     // a login there was refused: none is made again
}

// Close drops the connections: there is nothing to log out of.
func (s *session) Close(context.Context) error {
	s.main.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.safe != nil {
		s.safe.close()
	}
	return nil
}

func (s *session) host() string { return s.main.host() }

var _ rekey.Session = (*session)(nil)
