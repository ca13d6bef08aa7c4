// Package onvif is the driver for what every ONVIF device speaks, whoever made
// it: WS-Discovery over UDP, and the device service over SOAP. For now it finds
// and identifies recorders, without a login: no UsernameToken and no digest is
// ever sent from here.
//
// Sources: ONVIF Core Specification and devicemgmt.wsdl (26.06), Profile Q,
// WS-Discovery of April 2005, and published answers of real devices. Devices
// choose their own prefixes, so elements are known by their local names.
package onvif

import (
	"log/slog"

	"rekey/internal/transport"
)

// family is Driver.Family and Identity.Family.
const family = "onvif"

// servicePath is where every ONVIF device has its device service (Core
// Specification, "device service entry point").
const servicePath = "/onvif/device_service"

// Driver speaks to ONVIF devices. It holds no state of any recorder.
type Driver struct {
	log    *slog.Logger
	limits transport.Limits
}

// New returns the driver. The log gets one line for each request at debug level.
func New(log *slog.Logger) *Driver { return &Driver{log: log} }

// Family is "onvif".
func (d *Driver) Family() string { return family }
