package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"unicode"

	"golang.org/x/term"

	"rekey"
)

// How rekey talks at a terminal: questions and secrets go to the terminal
// itself and never to stdout or stderr, so that neither a pipe nor a log gets
// them. Without a terminal nothing is asked: what a question would have settled
// must come by a flag.

var errNoTerminal = errors.New("there is no terminal to ask at")

// plain lets nothing through that a terminal would act on, whatever a
// recorder called itself.
type plain struct{ io.Writer }

func (w plain) Write(p []byte) (int, error) {
	clean := bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, p)
	if _, err := w.Writer.Write(clean); err != nil {
		return 0, err
	}
	return len(p), nil
}

// terminal is the controlling terminal of the process.
type terminal struct {
	file *os.File
	in   *bufio.Reader
}

// openTerminal opens /dev/tty. The error wraps rekey.ErrInput.
func openTerminal() (*terminal, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rekey.ErrInput, errNoTerminal)
	}
	return &terminal{file: f, in: bufio.NewReader(f)}, nil
}

func (t *terminal) Close() error { return t.file.Close() }

func (t *terminal) printf(format string, args ...any) { fmt.Fprintf(t.file, format, args...) }

// interruptible lets Ctrl-C end a question, with the terminal as it was.
func interruptible[T any](t *terminal, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	defer signal.Stop(interrupt)
	fd := int(t.file.Fd())
	before, _ := term.GetState(fd) // nil where there is nothing to restore
	done := make(chan answer, 1)
	go func() {
		value, err := read()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-interrupt:
		if before != nil {
			_ = term.Restore(fd, before)
		}
		t.printf("\n")
		var none T
		return none, context.Canceled
	}
}

// ask reads one line.
func (t *terminal) ask(question string) (string, error) {
	t.printf("%s ", question)
	line, err := interruptible(t, func() (string, error) { return t.in.ReadString('\n') })
	switch {
	case errors.Is(err, context.Canceled):
		return "", err
	case err != nil && (line == "" || !errors.Is(err, io.EOF)):
		return "", fmt.Errorf("%w: no answer at the terminal", rekey.ErrInput)
	}
	return strings.TrimSpace(line), nil
}

// confirm wants the word yes; anything else is no.
func (t *terminal) confirm(question string) (bool, error) {
	answer, err := t.ask(question + " [yes/no]")
	return strings.EqualFold(answer, "yes"), err
}

// secret reads without echo.
func (t *terminal) secret(prompt string) (rekey.Secret, error) {
	t.printf("%s: ", prompt)
	raw, err := interruptible(t, func() ([]byte, error) { return term.ReadPassword(int(t.file.Fd())) })
	if errors.Is(err, context.Canceled) {
		return rekey.Secret{}, err
	}
	t.printf("\n")
	if err != nil {
		return rekey.Secret{}, fmt.Errorf("%w: no password was typed", rekey.ErrInput)
	}
	return rekey.NewSecret(string(raw)), nil
}

// show shows a secret once: the person reads it, presses Enter, and the line is gone.
func (t *terminal) show(label string, s rekey.Secret) error {
	t.printf("%s: %s\n", label, s.Reveal())
	_, err := t.ask("Press Enter when you have it; the line is then cleared.")
	t.printf("\x1b[2A\x1b[J")
	return err
}

// confirmShowing shows a secret while it asks: when the question is answered,
// both lines are cleared.
func (t *terminal) confirmShowing(label string, s rekey.Secret, question string) (bool, error) {
	t.printf("%s: %s\n", label, s.Reveal())
	yes, err := t.confirm(question)
	t.printf("\x1b[2A\x1b[J")
	return yes, err
}

// readSecretFile reads a secret from a file that holds nothing else. One line
// end at the end is not part of it.
func readSecretFile(name string) (rekey.Secret, error) {
	const most = 4096
	f, err := os.Open(name)
	if err != nil {
		return rekey.Secret{}, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return rekey.Secret{}, fmt.Errorf("%w: read %s: %w", rekey.ErrInput, name, err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	switch {
	case len(raw) > most:
		return rekey.Secret{}, fmt.Errorf("%w: %s is too long for a password; at most %d bytes", rekey.ErrInput, name, most)
	case text == "":
		return rekey.Secret{}, fmt.Errorf("%w: %s is empty; it should hold the password alone", rekey.ErrInput, name)
	case strings.ContainsAny(text, "\r\n\x00"):
		return rekey.Secret{}, fmt.Errorf("%w: %s holds more than one line; it should hold the password alone", rekey.ErrInput, name)
	}
	return rekey.NewSecret(text), nil
}

// secretFrom reads a password from the named file, or asks at the terminal.
func secretFrom(file, prompt string) (rekey.Secret, error) {
	if file != "" {
		return readSecretFile(file)
	}
	t, err := openTerminal()
	if err != nil {
		return rekey.Secret{}, fmt.Errorf("%w; give the file that holds the %s", err, strings.ToLower(prompt))
	}
	defer t.Close()
	s, err := t.secret(prompt)
	if err == nil && s.IsZero() {
		err = fmt.Errorf("%w: the %s is empty", rekey.ErrInput, strings.ToLower(prompt))
	}
	return s, err
}
