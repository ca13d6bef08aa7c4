package recorder

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"

	"rekey"
	"rekey/recovery"
)

// identity is what the factory gives a recorder once. All of it is public, and
// it survives the button.
type identity struct {
	Format   int               `json:"format"`
	DeviceID recovery.DeviceID `json:"device_id"`
	KeyEpoch uint8             `json:"key_epoch"`
	Realm    string            `json:"realm"`
	Face     Face              `json:"face,omitempty"` // empty = n841
	Info
}

var modelName = regexp.MustCompile(`^[A-Z][A-Z0-9-]{1,30}$`)

// newIdentity draws what is random and takes the rest from the face.
func newIdentity(c Config) (identity, error) {
	t, err := c.Face.traits()
	if err != nil {
		return identity{}, err
	}
	if err := t.rename(c); err != nil {
		return identity{}, err
	}
	channels := c.Channels
	if channels == 0 {
		channels = 8
	}
	if channels < 1 || channels > 64 {
		return identity{}, fmt.Errorf("%w: %d channels; expected 1 to 64", rekey.ErrInput, channels)
	}
	if err := checkCameras(c.Cameras, channels); err != nil {
		return identity{}, err
	}
	i := identity{Format: 1, Face: c.Face, Info: Info{
		Model: t.Model, Vendor: t.Vendor, Class: t.Class, Channels: channels,
		Firmware: t.Firmware, BuildDate: t.BuildDate, Baseline: t.Baseline,
	}}
	i.Name = c.Name
	if i.Name == "" {
		i.Name = i.Class
	}
	if len(i.Name) > 63 || !printable(i.Name) {
		return identity{}, fmt.Errorf("%w: the recorder's name must have at most 63 printable characters", rekey.ErrInput)
	}
	return i, i.draw(c.Rand)
}

// rename gives the recorder another model's name. All models of the generation
// of the N841 look alike from outside; a model of another one has a face.
func (t *Traits) rename(c Config) error {
	switch {
	case c.Model == "" || c.Model == t.Model:
		return nil
	case !modelName.MatchString(c.Model):
		return fmt.Errorf("%w: model %q; expected a name such as N841", rekey.ErrInput, clip(c.Model))
	case c.Face != "" && c.Face != FaceN841:
		return fmt.Errorf("%w: model %q; the face %s is a %s, only %s takes another name", rekey.ErrInput, clip(c.Model), c.Face, t.Model, FaceN841)
	}
	t.Model, t.Class = c.Model, classOf(c.Model)
	return nil
}

// classOf follows the vendor's naming: D841 is a DVR, N841 an NVR.
func classOf(model string) string {
	if model[0] == 'D' {
		return "DVR"
	}
	return "NVR"
}

func (i *identity) draw(rand io.Reader) error {
	id, err := recovery.NewDeviceID(rand)
	if err != nil {
		return err
	}
	random := make([]byte, 16+6+15)
	if _, err := io.ReadFull(rand, random); err != nil {
		return err
	}
	i.DeviceID, i.Info.DeviceID = id, id.String()
	i.Realm = "Login to " + hex.EncodeToString(random[:16])
	mac := net.HardwareAddr(random[16:22])
	mac[0] = mac[0]&^1 | 2 // one station, locally administered: no maker's range
	i.MAC = mac.String()
	i.Serial = serialOf(random[22:])
	return nil
}

// serialOf makes a serial of the family's length. It has nothing in common with the Device ID.
func serialOf(random []byte) string {
	const symbols = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
	s := make([]byte, len(random))
	for n, r := range random {
		s[n] = symbols[int(r)%len(symbols)]
	}
	return string(s)
}

func loadIdentity(dir string) (identity, error) {
	name := filepath.Join(dir, identityFile)
	data, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return identity{}, fmt.Errorf("%w: no recorder in %s; make one with: rekey recorder init --dir %s", rekey.ErrNotFound, dir, dir)
	}
	if err != nil {
		return identity{}, storageError("read the identity", err)
	}
	var i identity
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&i); err != nil {
		return identity{}, storageError("read "+name, err)
	}
	if i.Format != 1 || i.DeviceID.IsZero() {
		return identity{}, fmt.Errorf("%w: %s has format %d, this rekey knows 1", rekey.ErrStorage, name, i.Format)
	}
	if _, err := i.Face.traits(); err != nil {
		return identity{}, fmt.Errorf("%w: %s names a face that this rekey does not know: %q", rekey.ErrStorage, name, clip(string(i.Face)))
	}
	i.Info.DeviceID = i.DeviceID.String()
	return i, nil
}

// Identify tells what the recorder in dir is, whether it runs or not.
func Identify(dir string) (Info, error) {
	i, err := loadIdentity(dir)
	return i.Info, err
}
