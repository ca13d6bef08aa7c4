// Package recorder is the reference recorder without its doors: one box with an
// identity, accounts, a lock policy, settings, a button, the guard of temporary
// passwords and a security log, all durable in one folder.
//
// What an owner may do at the monitor and what a program may ask over the LAN
// are separate packages (seat, lan), which share one Box. The box decides; the
// doors only speak. Footage lies in the package clips.
//
// Accounts, their counted wrong tries and the settings are one file that is
// replaced whole. That file is the transaction: after a power cut at any
// instant each account has exactly one password, the same on every interface but
// ONVIF where that has accounts of its own.
package recorder

import (
	"crypto/hpke"
	"io"
	"time"

	"rekey"
	"rekey/internal/argon"
)

// Config says what Init makes.
type Config struct {
	Face          Face           // empty = FaceN841
	Model         string         // another name for an N841, e.g. "D841"; empty = the face's own
	Name          string         // what the owner calls it; empty = the class, e.g. "NVR"
	AdminPassword rekey.Secret   // of the account admin; none = factory state
	Channels      int            // 1 to 64; 0 = 8
	Cameras       []Camera       // behind the recorder, from channel 1 on
	DeskKey       hpke.PublicKey // X25519 key of the support desk; nil = not enrolled
	FootageKey    []byte         // of the recordings, FootageKeySize bytes; nil = Init draws one
	Argon         *argon.Cost    // cost of the password hash; nil = argon.Default
	Rand          io.Reader      // nil = crypto/rand
	Now           func() time.Time
}

// Options say how Open runs the box. The zero value is right outside of tests.
type Options struct {
	Argon *argon.Cost // cost of new password hashes; nil = argon.Default
	Rand  io.Reader
	Now   func() time.Time     // wall clock, for records and pages only
	Clock func() time.Duration // time since boot, running on while suspended; never wound back
}

// Info is what the recorder says of itself. All of it is public.
type Info struct {
	Model     string `json:"model"`
	Vendor    string `json:"vendor"`
	Class     string `json:"class"` // NVR or DVR
	Serial    string `json:"serial"`
	DeviceID  string `json:"device_id"` // with dashes, as on the label; not the serial
	MAC       string `json:"mac"`       // lower case with colons
	Name      string `json:"name"`
	Firmware  string `json:"firmware"`
	BuildDate string `json:"build_date"` // 2006-01-02
	Baseline  string `json:"baseline"`   // security generation, e.g. "V2.2"
	Channels  int    `json:"channels"`
}

// Client is where a login or an order comes from.
type Client struct {
	Via     rekey.InterfaceKind
	Address string // IP address, or "local"
	Type    string // as recorders list it: "Web3.0", "CGI", "RTSP", "GUI"
}

// AtSeat is the client that stands in front of the box.
func AtSeat() Client { return Client{Via: rekey.InterfaceSeat, Address: "local", Type: "GUI"} }
