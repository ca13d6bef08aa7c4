package browser

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// Shared is one Chromium for all tests of a package. It starts with the first
// tab and ends behind the last test: see Around. The zero value is ready.
type Shared struct {
	mu   sync.Mutex
	b    *Browser
	stop func() error
}

// Tab opens a tab in it.
func (s *Shared) Tab(t testing.TB) *Tab {
	t.Helper()
	b, err := s.browser()
	if err != nil {
		t.Fatal(err)
	}
	return b.Tab(t)
}

func (s *Shared) browser() (*Browser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b != nil {
		return s.b, nil
	}
	var err error
	s.b, s.stop, err = launch()
	return s.b, err
}

// Close ends it, if it was started.
func (s *Shared) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b == nil {
		return nil
	}
	s.b = nil
	return s.stop()
}

// Tests are those of a package, as TestMain has them.
type Tests interface{ Run() int }

// Around are the same tests, and at their end the browser is closed.
func (s *Shared) Around(m Tests) Tests { return around{s, m} }

type around struct {
	s *Shared
	m Tests
}

func (a around) Run() int {
	code := a.m.Run()
	if err := a.s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
