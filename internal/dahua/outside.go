package dahua

import (
	"context"
	"errors"
	"net/http"

	"rekey"
)

// familyCodes is where the error codes of the family begin; those of other JSON
// services are small or negative.
const familyCodes = 1 << 28

// readRPC asks for the state of the first set-up, which needs no session, and
// where that is not known, whether there is an RPC at all.
func (v *visit) readRPC(ctx context.Context) {
	const method = "DevInit.getStatus"
	r := &rpc{http: v.http}
	answer, err := v.outside(ctx, r, question{path: pathOutside, method: method})
	if err == nil && answer.ok() {
		v.found()
		v.readStatus(r, answer)
		v.readGeneration(ctx, r)
		return
	}
	older := errors.Is(err, errNoRPC) || answer.Code == codeNoMethod || answer.Code == codeNoInterface
	if err != nil || answer.Code < familyCodes {
		// Without a session this is answered with an error, by whoever speaks RPC.
		answer, err = v.outside(ctx, r, question{path: pathRPC, method: "global.getCurrentTime"})
		if err != nil || answer.Code < familyCodes {
			return
		}
	}
	v.found()
	if older {
		v.generation(withoutSetup, method)
	}
}

// outside asks without a session, and keeps what the answer tells beside.
func (v *visit) outside(ctx context.Context, r *rpc, q question) (reply, error) {
	answer, res, err := r.ask(ctx, q)
	if answer.Notified {
		v.id.Odd("unsolicited-body", unsolicited)
	}
	if res.Status == http.StatusForbidden && tellsCode(res.Body) {
		v.readForbidden(res.Body, "HTTP 403 to "+q.method)
	}
	if answer.Code == codeLocked || answer.Code == codeBlackList {
		e := answer.loginRefusal("")
		if e == nil {
			e = &rekey.LoginError{Kind: rekey.ErrLocked, TriesLeft: -1}
		}
		v.locked(e, q.method)
	}
	return answer, err
}

func (v *visit) found() {
	v.rpc = true
	v.learnFamily("RPC2")
}

// readStatus takes the answer of DevInit.getStatus: Init is 1 in factory state,
// 0 or 2 after the first set-up, and Find as in discovery replies.
func (v *visit) readStatus(r *rpc, answer reply) {
	const from = "DevInit.getStatus"
	var told fields
	if r.read(from, answer, &told) != nil {
		return
	}
	switch n, ok := told.number("Init"); {
	case !ok:
	case n == 1:
		setInit(&v.id, rekey.InitFactory, from)
	case n == 0, n == 2:
		setInit(&v.id, rekey.InitDone, from)
	}
	resets(&v.id, from+", Find", findLetters(told.text("Find"))...)
}

// readGeneration asks whether passwords can be changed in an encrypted envelope.
func (v *visit) readGeneration(ctx context.Context, r *rpc) {
	const method = "Security.getEncryptInfo"
	answer, err := v.outside(ctx, r, question{path: pathOutside, method: method})
	if err == nil && !answer.ok() {
		err = answer.refusal("", method)
	}
	var info encryptInfo
	switch {
	case lacks(err):
		v.generation(withoutEnvelope, method)
	case err == nil && r.read(method, answer, &info) == nil && info.Pub != "":
		v.generation(withEnvelope, method)
	}
}

func (v *visit) generation(words, from string) {
	v.id.Generation = words
	note(&v.id, "security generation", from+" (inferred)")
}
