// Package harden looks for what leaves a recorder open after its password was
// changed, says why it matters and what to do, and mends what it may.
package harden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rekey"
)

// Severity orders findings.
type Severity string

// The severities, the gravest first.
const (
	High   Severity = "high"   // somebody else may get in, or footage is at risk
	Medium Severity = "medium" // it makes getting in easier
	Low    Severity = "low"    // better otherwise
	Info   Severity = "info"   // worth knowing
)

// The stable identifiers of the findings.
const (
	LockPolicyOff    = "lock-policy-off"
	LockPolicyWeak   = "lock-policy-weak"
	UPnPOn           = "upnp-on"
	P2POn            = "p2p-on"
	TelnetOn         = "telnet-on"
	SSHOn            = "ssh-on"
	SNMPOn           = "snmp-on"
	MulticastOn      = "multicast-on"
	ONVIFOpen        = "onvif-without-login"
	PlainHTTP        = "http-without-https"
	ExtraAdmin       = "extra-admin"
	NoSecondAdmin    = "no-second-admin"
	UnknownAccount   = "unknown-account"
	OldPassword      = "old-password"
	SomebodyLoggedIn = "somebody-logged-in"
	ClockWrong       = "clock-wrong"
	FirmwareOld      = "firmware-old"
	SeparateAccounts = "separate-accounts"
	BasicOnly        = "basic-only"
	DiskTrouble      = "disk-trouble"
	NoDisk           = "no-disk"
	NotChecked       = "not-checked"
	// GroupMayChangeAccounts is of accounts that are administrators by another name.
	GroupMayChangeAccounts = "group-may-change-accounts"
)

// Finding is one thing that should be otherwise. ID and Subject together name
// it, and both are stable from run to run.
type Finding struct {
	ID        string          `json:"id"`
	Subject   string          `json:"subject,omitempty"` // the account, address or part that it is about
	Title     string          `json:"title"`
	Severity  Severity        `json:"severity"`
	Why       string          `json:"why"`
	Do        string          `json:"do"` // what a person does about it
	Certainty rekey.Certainty `json:"certainty"`
	Fixable   bool            `json:"fixable"` // Fix can mend it on this recorder
	Fixed     bool            `json:"fixed"`   // Fix mended it and read it back
}

// CheckInput is what a check must know besides the session.
type CheckInput struct {
	Identity rekey.Identity
	Account  string    // the account in use
	Known    []string  // other accounts that the owner told of
	Now      time.Time // the operator's clock, in the operator's zone
	// Separate are the interfaces that are known to have accounts of their own.
	Separate []rekey.InterfaceKind
	// Passwords that were set longer ago than this are findings; 0 = a year.
	PasswordAge time.Duration
	// Firmware that was built longer ago than this is a finding; 0 = two years.
	FirmwareAge time.Duration
}

const year = 365 * 24 * time.Hour

// Check reads what the session can tell and returns the findings, the gravest
// first. It changes nothing. What this recorder or this account cannot be
// asked, or is answered with nonsense, becomes a finding NotChecked. A refused
// login, and a recorder that gives no usable answer for the third time, end it:
// then the error comes with what was found before.
func Check(ctx context.Context, s rekey.Session, in CheckInput) ([]Finding, error) {
	in.PasswordAge = cmp.Or(in.PasswordAge, year)
	in.FirmwareAge = cmp.Or(in.FirmwareAge, 2*year)
	parts := []struct {
		name  string
		check func(context.Context, rekey.Session, CheckInput) ([]Finding, error)
	}{
		{"lock policy", checkLockPolicy},
		{"services", checkServices},
		{"accounts", checkAccounts},
		{"accounts of single interfaces", checkSeparate},
		{"login", checkLogin},
		{"logins", checkActiveUsers},
		{"clock", checkClock},
		{"firmware", checkFirmware},
		{"disks", checkStorage},
		{"groups of accounts", checkGroups},
	}
	var all []Finding
	var err error
	odd := 0
	for _, p := range parts {
		found, why := p.check(ctx, s, in)
		switch {
		case why == nil:
		case cannotTell(why):
			found = []Finding{notChecked(p.name, "this recorder does not tell it, or not to this account")}
		default:
			found = []Finding{notChecked(p.name, "it could not be read: "+why.Error())}
			odd++
			if odd == mostOdd || ends(ctx, why) {
				err = fmt.Errorf("check %s: %w", p.name, why)
			}
		}
		all = append(all, found...)
		if err != nil {
			break
		}
	}
	order := []Severity{High, Medium, Low, Info}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Severity), slices.Index(order, b.Severity))
	})
	return all, err
}

// mostOdd is how many parts without a usable answer mean that the recorder is lost.
const mostOdd = 3

// ends tells of a failure after which nothing more is asked.
func ends(ctx context.Context, err error) bool {
	var login *rekey.LoginError
	return ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, rekey.ErrLocked) || errors.As(err, &login)
}

// cannotTell: Dahua-family recorders answer the same to a missing right and to
// a thing that they do not have, so a refusal here is no refused login.
func cannotTell(err error) bool {
	var login *rekey.LoginError
	return errors.Is(err, rekey.ErrUnsupported) || (errors.Is(err, rekey.ErrDenied) && !errors.As(err, &login))
}

// can returns the ability, or ErrUnsupported.
func can[A any](s rekey.Session) (A, error) {
	a, ok := s.(A)
	if !ok {
		return a, rekey.ErrUnsupported
	}
	return a, nil
}

func notChecked(part, why string) Finding {
	return Finding{
		ID: NotChecked, Subject: part, Severity: Info, Certainty: rekey.Verified,
		Title: "the " + part + " could not be checked",
		Why:   why,
		Do:    "look at it at the recorder's screen",
	}
}
