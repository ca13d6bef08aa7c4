package catalog

import (
	"testing"

	"rekey"
)

func TestBrandDiffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		vendor, family string
		differs        bool
	}{
		{"Lorex", "dahua", false}, {"Lorex Technology", "onvif", true}, {"Lorex", "", false},
		{"Hikvision", "hikvision", false}, {"HIKVISION", "dahua", true},
		{"Reolink", "onvif", false}, {"", "dahua", false}, {"Nobody", "dahua", false},
	} {
		odd, differs := BrandDiffers(rekey.Identity{Vendor: c.vendor, Family: c.family})
		if differs != c.differs || (odd.ID == "brand-differs") != differs {
			t.Errorf("%s by %s: %v %+v", c.vendor, c.family, differs, odd)
		}
	}
}
