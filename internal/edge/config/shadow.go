package config

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Merge returns the settings of the file with what the desired state of the shadow "edge" says. A member that the
// desired state does not have is that of the file.
func (s Settings) Merge(desired []byte) (Settings, error) {
	if len(desired) == 0 || string(desired) == "null" {
		return s, nil
	}
	merged, err := s.copied()
	if err != nil {
		return s, err
	}
	var has struct{ Rules json.RawMessage }
	if err := json.Unmarshal(desired, &has); err == nil && has.Rules != nil {
		merged.Rules = nil // the shadow's rules replace those of the file, all of them
	}
	if err := decode(desired, &merged); err != nil {
		return s, err
	}
	merged.defaults()
	var p problems
	merged.problems(&p)
	if len(p) > 0 {
		return s, errors.Join(p...)
	}
	return merged, nil
}

// copied has nothing in common with s, into which JSON can be read.
func (s Settings) copied() (c Settings, err error) {
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("copying the settings: %w", err)
	}
	return c, nil
}

// DesiredVersion returns the version of a desired state that may be bad otherwise.
func DesiredVersion(desired []byte) int64 {
	var d struct {
		Version int64 `json:"version"`
	}
	_ = json.Unmarshal(desired, &d) // it has none then
	return d.Version
}
