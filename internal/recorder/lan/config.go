package lan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// table is one table of the settings with its passwords masked.
func (l *lan) table(name string) (map[string]string, bool) {
	t, ok := l.box.Table(name)
	if !ok {
		return nil, false
	}
	for key, value := range t {
		if isPassword(key) && value != "" {
			t[key] = masked
		}
	}
	return t, true
}

func isPassword(key string) bool { return strings.HasSuffix(key, "Password") }

// unmask leaves out the passwords that come back as they were shown.
func unmask(changed map[string]string) map[string]string {
	maps.DeleteFunc(changed, func(key, value string) bool { return isPassword(key) && value == masked })
	return changed
}

// hasPassword tells whether a password is among the changes.
func hasPassword(changed map[string]string) bool {
	for key := range changed {
		if isPassword(key) {
			return true
		}
	}
	return false
}

// join puts a key behind the name of its table; lists have no dot before the index.
func join(name, key string) string {
	if strings.HasPrefix(key, "[") {
		return name + key
	}
	return name + "." + key
}

func cgiGetConfig(c *cgiCall) error {
	name := c.q["name"]
	t, ok := c.table(name)
	if !ok {
		return errAuthority // the family does not tell an unknown name from a missing right
	}
	for _, key := range slices.Sorted(maps.Keys(t)) {
		c.line("table."+join(name, key), t[key])
	}
	return nil
}

// cgiSetConfig changes the keys that are listed, in one table or several. Keys
// that a table has not are ignored, as the family does.
func cgiSetConfig(c *cgiCall) error {
	changes := map[string]map[string]string{}
	for path, value := range c.q {
		if path == "action" {
			continue
		}
		name, key, err := splitPath(path)
		if err != nil {
			return err
		}
		if changes[name] == nil {
			changes[name] = map[string]string{}
		}
		changes[name][key] = value
	}
	if len(changes) == 0 {
		return errBadRequest
	}
	for name := range changes {
		if _, known := c.box.Table(name); !known {
			return errAuthority
		}
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if err := c.takesSettings(unmask(changes[name])); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if err := c.box.SetTable(c.account, name, unmask(changes[name]), c.from); err != nil {
			return err
		}
	}
	c.ok()
	return nil
}

// takesSettings refuses a password of a camera where CGI takes none of its own.
func (c *cgiCall) takesSettings(changed map[string]string) error {
	switch {
	case !hasPassword(changed):
		return nil
	case !cgiPasswords(c.traits):
		return errAuthority
	}
	return c.takesPassword()
}

// splitPath cuts NAME.key or NAME[0].key after the name of the table.
func splitPath(path string) (name, key string, err error) {
	i := strings.IndexAny(path, ".[")
	if i <= 0 || i == len(path)-1 {
		return "", "", errBadRequest
	}
	return path[:i], strings.TrimPrefix(path[i:], "."), nil
}

// backupMagic begins a settings backup. What follows is for the recorder alone
// to read and holds no password.
const backupMagic = "RKBACKUP1\n"

func cgiBackup(c *cgiCall) error {
	tables := map[string]map[string]string{}
	for _, name := range c.box.TableNames() {
		tables[name], _ = c.table(name)
	}
	var packed bytes.Buffer
	packed.WriteString(backupMagic)
	z := gzip.NewWriter(&packed)
	if err := json.NewEncoder(z).Encode(tables); err != nil {
		return fmt.Errorf("pack the settings: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("pack the settings: %w", err)
	}
	c.out = packed
	return nil
}
