package rekey

import (
	"context"
	"io"
	"time"
)

// Driver speaks one protocol family. Drivers are listed visibly in cmd/rekey
// and are chosen by what a recorder says of itself, never by trying logins.
type Driver interface {
	// Family is the driver's name, as in Identity.Family.
	Family() string
	// Identify asks the recorder what it is, without a login and without
	// anything that counts as a login try. ErrNotRecorder means: some other
	// family, or no recorder at all.
	Identify(ctx context.Context, t Target) (Identity, error)
	// Open logs in once. A refusal is a *LoginError; it is never retried, and no
	// second password or account is tried.
	Open(ctx context.Context, id Identity, l Login, tries Tries) (Session, error)
	// Check tries a login on one interface by a fresh connection, once, and
	// leaves no session behind: nil = accepted, *LoginError = refused, anything
	// else = it could not be tried.
	Check(ctx context.Context, i Interface, l Login, tries Tries) error
}

// Tries is the login budget of one recorder across all interfaces, processes
// and runs. A driver calls Spend before it sends a password and Settle after
// the answer; when no answer came it does not call Settle and the try stays
// spent.
type Tries interface {
	// Spend books one try, durably, before it is made. ErrBudget: not made.
	Spend(account string) error
	// Settle tells how it ended: nil gives the tries back, a *LoginError keeps
	// them spent and takes over what the recorder said is left.
	Settle(account string, result error) error
}

// Session is one login. What else it can do is asked by type assertion for the
// one-method abilities below; a session of a recorder that cannot do a thing
// returns ErrUnsupported from it.
type Session interface {
	// Close logs out.
	Close(ctx context.Context) error
}

// InterfaceLister tells all doors of the recorder, with their true ports.
type InterfaceLister interface {
	Interfaces(ctx context.Context) ([]Interface, error)
}

// PasswordSetter changes the password of the account that is logged in.
// An error that wraps ErrUnknown means that it may have been changed; one that
// wraps ErrDenied or ErrInput means that the recorder refused and nothing changed.
type PasswordSetter interface {
	SetPassword(ctx context.Context, old, new Secret) error
}

// PasswordResetter sets another account's password, as an administrator.
// Errors are as in PasswordSetter.
type PasswordResetter interface {
	ResetPassword(ctx context.Context, account string, new Secret) error
}

// AccountLister lists the recorder's accounts.
type AccountLister interface {
	Accounts(ctx context.Context) ([]Account, error)
}

// ActiveUserLister lists who is logged in.
type ActiveUserLister interface {
	ActiveUsers(ctx context.Context) ([]ActiveUser, error)
}

// LockPolicyReader reads the lock policy.
type LockPolicyReader interface {
	LockPolicy(ctx context.Context) (LockPolicy, error)
}

// LockPolicySetter sets the lock policy.
type LockPolicySetter interface {
	SetLockPolicy(ctx context.Context, p LockPolicy) error
}

// RecordingLister calls each for every recording that overlaps [from, to), in
// no promised order, on every channel. An error from each ends the listing and
// is returned.
type RecordingLister interface {
	Recordings(ctx context.Context, from, to time.Time, each func(Recording) error) error
}

// RecordingOpener opens one recording for reading from its first byte.
type RecordingOpener interface {
	OpenRecording(ctx context.Context, r Recording) (io.ReadCloser, error)
}

// SettingsReader reads the settings, block by block, passwords left out or masked.
type SettingsReader interface {
	Settings(ctx context.Context) ([]Setting, error)
}

// ServiceLister lists the services of the recorder.
type ServiceLister interface {
	Services(ctx context.Context) ([]Service, error)
}

// ServiceSwitcher switches one service on or off. The caller reads it back.
type ServiceSwitcher interface {
	SwitchService(ctx context.Context, name string, on bool) error
}

// FirmwareReader tells the version of the firmware and the day it was built.
// ErrUnsupported: the recorder does not tell the day.
type FirmwareReader interface {
	Firmware(ctx context.Context) (version string, built time.Time, err error)
}

// ClockReader reads the recorder's wall clock. The Location is always UTC and
// means nothing: most recorders tell no zone.
type ClockReader interface {
	Clock(ctx context.Context) (time.Time, error)
}

// Channel is a camera behind the recorder.
type Channel struct {
	Number  int    `json:"number"` // from 1, as on the recorder's screen
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	Account string `json:"account,omitempty"` // that the recorder logs in with at the camera
	Online  bool   `json:"online"`
	Why     string `json:"why,omitempty"` // as the recorder says it, where it is not online
}

// ChannelLister tells the state of every camera.
type ChannelLister interface {
	Channels(ctx context.Context) ([]Channel, error)
}

// LoginRecord is a line of the recorder's own log: somebody logged in, or tried.
type LoginRecord struct {
	Time    time.Time `json:"time"` // the recorder's wall clock, as in Recording
	Account string    `json:"account"`
	Address string    `json:"address"`
	Client  string    `json:"client,omitempty"`
	OK      bool      `json:"ok"`
}

// LoginLogReader calls each for the logins and refused tries in the recorder's
// log since that time of its wall clock, in no promised order.
type LoginLogReader interface {
	Logins(ctx context.Context, since time.Time, each func(LoginRecord) error) error
}

// PasswordRuleReader reads what the recorder itself demands of a password.
// ErrUnsupported: it does not tell.
type PasswordRuleReader interface {
	PasswordRule(ctx context.Context) (PasswordRule, error)
}

// ChannelLoginSetter sets the account and the password that the recorder logs in
// with at one camera; the caller reads Channels again. ErrNotFound: there is no
// camera at that channel. Other errors are as in PasswordSetter.
type ChannelLoginSetter interface {
	SetChannelLogin(ctx context.Context, channel int, l Login) error
}

// OwnAccountsSetter sets the password of an account in a list that one interface
// has for itself, such as the ONVIF users of newer Dahua firmware. old is the
// password in that list; a recorder may want it and count a wrong one as a try,
// which is booked then. ErrNotFound: there is no such account in that list.
// ErrUnsupported: the interface has no list of its own, or wants old and it is
// zero. Other errors are as in PasswordSetter.
type OwnAccountsSetter interface {
	SetOwnPassword(ctx context.Context, kind InterfaceKind, account string, old, new Secret) error
}

// Recovery is what a recorder tells anybody of its own password reset.
type Recovery struct {
	Enabled bool   `json:"enabled"`
	Email   string `json:"email,omitempty"` // masked by the recorder; empty: none is left
	Phone   string `json:"phone,omitempty"` // masked by the recorder
}

// RecoveryReader tells, without a login, whether a driver's recorders offer the
// reset of a password and which contact is set. Nothing is sent to the contact.
type RecoveryReader interface {
	Recovery(ctx context.Context, id Identity, account string) (Recovery, error)
}

// Disk is one store of recordings.
type Disk struct {
	Name  string `json:"name"`
	State string `json:"state,omitempty"` // as the recorder says it
	OK    bool   `json:"ok"`              // it says nothing of trouble
	Total int64  `json:"total"`           // bytes; 0: not told
	Used  int64  `json:"used"`            // bytes; a recorder that overwrites says all of them
}

// StorageReader tells the stores of recordings; none: there is none in it.
type StorageReader interface {
	Storage(ctx context.Context) ([]Disk, error)
}

// UpgradeReader tells whether firmware is being written at this moment: nothing
// should be changed then. said is the recorder's word for it.
type UpgradeReader interface {
	Upgrading(ctx context.Context) (yes bool, said string, err error)
}

// Group is what accounts have in common.
type Group struct {
	Name   string   `json:"name"`
	Rights []string `json:"rights"` // in the recorder's words
	Admin  bool     `json:"admin"`  // among them the one to change accounts
}

// GroupLister lists the groups of accounts.
type GroupLister interface {
	Groups(ctx context.Context) ([]Group, error)
}

// ChangeRisker tells, before anything is saved or changed, which risks a change
// of a password in this session would want accepted by name: of the account that
// is logged in (own), or of another. None: it can be done without any.
type ChangeRisker interface {
	ChangeRisks(ctx context.Context, own bool) ([]Risk, error)
}
