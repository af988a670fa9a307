package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// readCheckpoints returns up to where each shard has been delivered; nil if nothing is known.
func readCheckpoints(path string) (map[string]streams.Position, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is delivered: %w", err)
	}
	var after map[string]string
	if err := json.Unmarshal(text, &after); err != nil {
		return nil, fmt.Errorf("reading what is delivered from %s: %w; remove the file to deliver everything again",
			path, err)
	}
	positions := make(map[string]streams.Position, len(after))
	for shard, sequence := range after {
		positions[shard] = streams.Position{Kind: "AFTER_SEQUENCE_NUMBER", After: sequence}
	}
	return positions, nil
}

// writeCheckpoints replaces the file as a whole, so that a crash leaves the old or the new one.
func writeCheckpoints(path string, positions map[string]streams.Position) error {
	if path == "" {
		return nil
	}
	after := make(map[string]string, len(positions))
	for shard, p := range positions {
		after[shard] = p.After
	}
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
