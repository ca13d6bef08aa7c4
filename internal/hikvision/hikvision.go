// Package hikvision is the driver for Hikvision and other names on the same
// firmware: ISAPI over HTTP, and the SADP discovery over UDP. For now it finds
// and identifies recorders, without a login: no credentials are ever sent from
// here.
//
// Sources: published answers of real devices, public client code, and vendor
// manuals; SADP has no public description of its maker's. Namespaces differ
// between brands (hikvision.com, isapi.org, std-cgi.com), so elements are known
// by their local names.
package hikvision

import (
	"log/slog"

	"rekey/internal/transport"
)

// family is Driver.Family and Identity.Family.
const family = "hikvision"

// Driver speaks to recorders of the Hikvision family. It holds no state of any recorder.
type Driver struct {
	log    *slog.Logger
	limits transport.Limits
	https  int // where HTTPS is looked for beside a usual web port
}

// New returns the driver. The log gets one line for each request at debug level.
func New(log *slog.Logger) *Driver { return &Driver{log: log, https: 443} }

// Family is "hikvision".
func (d *Driver) Family() string { return family }
