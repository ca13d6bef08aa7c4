package catalog

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

//go:embed data/*.json
var files embed.FS

// family is one data file.
type family struct {
	Family string `json:"family"`
	Title  string `json:"title"`
	// GenericFor is the protocol family whose unknown models get this file's only
	// entry; the empty one is for recorders of unknown family.
	GenericFor *string `json:"generic_for"`
	Models     []Model `json:"models"`
}

// data is the whole catalogue.
type data struct {
	sources map[string]source
	models  []Model
	generic map[string]Model
}

// load reads the embedded files once. They are part of the program and a test
// checks them, so a fault in them is a fault of the build.
var load = sync.OnceValue(func() *data {
	d, err := read(files)
	if err != nil {
		panic("catalog: " + err.Error())
	}
	return d
})

func read(from fs.FS) (*data, error) {
	var s struct {
		About   string            `json:"about"`
		Sources map[string]source `json:"sources"`
	}
	if err := readFile(from, "data/sources.json", &s); err != nil {
		return nil, err
	}
	d := &data{sources: s.Sources, generic: map[string]Model{}}
	names, err := fs.Glob(from, "data/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == "data/sources.json" {
			continue
		}
		var f family
		if err := readFile(from, name, &f); err != nil {
			return nil, err
		}
		if err := d.add(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return d, d.complete()
}

func (d *data) add(f family) error {
	if f.GenericFor != nil {
		if len(f.Models) != 1 {
			return errors.New("a generic family has exactly one entry")
		}
		d.generic[*f.GenericFor] = f.Models[0]
	}
	d.models = append(d.models, f.Models...)
	return nil
}

func (d *data) complete() error {
	if _, ok := d.generic[""]; !ok {
		return errors.New("no entry for a recorder of unknown family")
	}
	var all []error
	for _, m := range d.models {
		if err := d.check(m); err != nil {
			all = append(all, fmt.Errorf("model %s: %w", m.ID, err))
		}
	}
	return errors.Join(all...)
}

func readFile(from fs.FS, name string, into any) error {
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: more than one JSON value", name)
	}
	return nil
}
