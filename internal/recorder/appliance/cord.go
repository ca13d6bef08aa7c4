package appliance

import (
	"net"
	"sync"
)

// cord is a listener all of whose connections can be dropped at once: whoever
// pulls the plug says goodbye to nobody.
type cord struct {
	net.Listener
	mu   sync.Mutex
	ends map[*cordEnd]bool
	gone bool
}

// cordEnd keeps all that its connection can do.
type cordEnd struct {
	*net.TCPConn
	of *cord
}

// Accept waits for the next connection.
func (c *cord) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn, nil
	}
	end := &cordEnd{tcp, c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		_ = tcp.Close()
	}
	c.ends[end] = true
	return end, nil
}

// Close ends the connection.
func (e *cordEnd) Close() error {
	e.of.mu.Lock()
	delete(e.of.ends, e)
	e.of.mu.Unlock()
	return e.TCPConn.Close()
}

func (c *cord) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for end := range c.ends {
		_ = end.TCPConn.Close()
	}
}
