package appliance

import (
	"bufio"
	"context"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"sync"
	"syscall"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/link"
	"rekey/recovery"
)

// The control socket stands for the back of the box: the button, and what the
// factory does. One request a connection, one line of JSON each way.

type controlRequest struct {
	PressMS int64  `json:"press_ms,omitempty"` // hold the button for so long
	DeskKey string `json:"desk_key,omitempty"` // enrol with this desk: 64 hex digits

	// With an account: link with the cloud of this address, or unlink.
	Account  string `json:"account,omitempty"`
	Password string `json:"password,omitempty"`
	Cloud    string `json:"cloud,omitempty"`
	CA       []byte `json:"ca,omitempty"` // see recorder.CloudAddress
	Unlink   bool   `json:"unlink,omitempty"`
}

type controlReply struct {
	LED       recorder.LED        `json:"led,omitempty"`
	Enrolment *recovery.Enrolment `json:"enrolment,omitempty"`
	Code      string              `json:"code,omitempty"` // of a pairing
	Error     string              `json:"error,omitempty"`
	BadInput  bool                `json:"bad_input,omitempty"`
	Kind      string              `json:"kind,omitempty"` // of an error that is neither; see kinds
}

const (
	maxControl  = 64 << 10
	controlTime = 30 * time.Second
)

// serveControl serves until ctx ends, and then until what is under way has ended.
// of gives the back of the box as it is then.
func serveControl(ctx context.Context, l net.Listener, of func() (back, func(), error)) error {
	end := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer end()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve the control socket: %w", err)
		}
		open.Go(func() {
			cut := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
			defer cut()
			defer conn.Close()
			serveOrder(ctx, conn, of)
		})
	}
}

// back is what the back of the box has to do with.
type back struct {
	box   *recorder.Box
	cloud *link.Client
}

func serveOrder(ctx context.Context, conn net.Conn, of func() (back, func(), error)) {
	if err := conn.SetDeadline(time.Now().Add(controlTime)); err != nil {
		return
	}
	var reply controlReply
	var order controlRequest
	line, err := bufio.NewReader(io.LimitReader(conn, maxControl)).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &order)
	}
	if err != nil {
		reply.Error, reply.BadInput = "expected one line of JSON", true
	} else {
		reply = obeyAt(ctx, of, order)
	}
	_ = json.NewEncoder(conn).Encode(reply) // whoever hung up does not read it
}

func obeyAt(ctx context.Context, of func() (back, func(), error), order controlRequest) controlReply {
	now, done, err := of()
	if err != nil {
		return controlReply{Error: err.Error(), Kind: kindOf(err)}
	}
	defer done()
	return obey(ctx, now, order)
}

func obey(ctx context.Context, back back, order controlRequest) controlReply {
	var reply controlReply
	var err error
	box := back.box
	switch {
	case order.Account != "":
		reply.Code, err = back.linkCloud(ctx, order)
	case order.DeskKey != "":
		var desk hpke.PublicKey
		if desk, err = recovery.ParseDeskKey([]byte(order.DeskKey)); err != nil {
			err = fmt.Errorf("%w: %w", rekey.ErrInput, err)
			break
		}
		var e recovery.Enrolment
		e, err = box.Enrol(desk)
		reply.Enrolment = &e
	default:
		reply.LED, err = box.Press(time.Duration(order.PressMS) * time.Millisecond)
	}
	if err != nil {
		return controlReply{Error: err.Error(), BadInput: errors.Is(err, rekey.ErrInput), Kind: kindOf(err)}
	}
	return reply
}

// Press holds the button of the recorder that runs in dir for so long. The hold
// is simulated: it returns at once. The error is rekey.ErrNotFound when no
// recorder runs there.
func Press(ctx context.Context, dir string, held time.Duration) (recorder.LED, error) {
	if err := recorder.CheckHold(held); err != nil {
		return recorder.LEDNothing, err
	}
	reply, err := command(ctx, dir, controlRequest{PressMS: held.Milliseconds()})
	return reply.LED, err
}

// Enrol asks the recorder that runs in dir to seal its key to a desk.
func Enrol(ctx context.Context, dir string, desk hpke.PublicKey) (recovery.Enrolment, error) {
	reply, err := command(ctx, dir, controlRequest{DeskKey: hex.EncodeToString(desk.Bytes())})
	if err != nil {
		return recovery.Enrolment{}, err
	}
	if reply.Enrolment == nil {
		return recovery.Enrolment{}, fmt.Errorf("%w: the recorder sent no enrolment", rekey.ErrUnreachable)
	}
	return *reply.Enrolment, nil
}

func command(ctx context.Context, dir string, order controlRequest) (reply controlReply, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", ControlSocket(dir))
	if err != nil {
		return reply, notThere(dir, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(controlTime)); err != nil {
		return reply, err
	}
	if err := json.NewEncoder(conn).Encode(order); err != nil { //nolint:gosec // the password is meant for the recorder: its socket is open to its own user alone
		return reply, fmt.Errorf("%w: order to the recorder: %w", rekey.ErrUnreachable, err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, maxControl)).Decode(&reply); err != nil {
		return reply, fmt.Errorf("%w: the recorder gave no answer: %w", rekey.ErrUnknown, err)
	}
	switch {
	case reply.BadInput:
		return reply, fmt.Errorf("%w: %s", rekey.ErrInput, reply.Error)
	case kinds()[reply.Kind] != nil:
		return reply, &told{kinds()[reply.Kind], reply.Error}
	case reply.Error != "":
		return reply, fmt.Errorf("%w: %s", rekey.ErrStorage, reply.Error)
	}
	return reply, nil
}

// notThere tells why nobody took the order.
func notThere(dir string, err error) error {
	switch {
	case !recorder.Exists(dir):
		return fmt.Errorf("%w: no recorder in %s; make one with: rekey recorder init --dir %s", rekey.ErrNotFound, dir, dir)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: the recorder in %s does not run; start it with: rekey recorder serve --dir %s", rekey.ErrNotFound, dir, dir)
	}
	return fmt.Errorf("%w: control socket of the recorder: %w", rekey.ErrUnreachable, err)
}
