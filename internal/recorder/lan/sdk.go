package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// serveSDK is the port of the maker's own client: it is open, and that is all. A
// login by the private protocol is not part of this recorder.
func serveSDK(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("serve the SDK port: %w", err)
		}
		_ = conn.Close() // nothing was written
	}
}
