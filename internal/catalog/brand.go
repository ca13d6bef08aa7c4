package catalog

import (
	"fmt"

	"rekey"
)

// BrandDiffers tells of a recorder, asked by all that rekey speaks, that it
// speaks another protocol than the recorders of its brand mostly do. The brand
// is then no reason to take it for one of them.
func BrandDiffers(id rekey.Identity) (rekey.Oddity, bool) { return load().brandDiffers(id) }

func (d *data) brandDiffers(id rekey.Identity) (rekey.Oddity, bool) {
	usual := ""
	for _, g := range d.generics {
		if g.protocol == "" || !sameMaker(g.maker, id.Vendor) {
			continue
		}
		if g.protocol == id.Family {
			return rekey.Oddity{}, false
		}
		usual = g.protocol
	}
	if usual == "" || id.Family == "" {
		return rekey.Oddity{}, false
	}
	return rekey.Oddity{ID: "brand-differs", Words: fmt.Sprintf(
		"It is sold as %s, most of whose recorders speak the protocol %s, but this one answers by %s: what is said of its brand's others may not fit.", id.Vendor, usual, id.Family)}, true
}
