package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/uplink"
)

// restore reads the settings that held when the gateway stopped, so that it starts without uplink as it was. Without
// the shadow, it removes them: nobody would keep them up to date, and later they would count as the last good settings.
func (g *Gateway) restore() {
	g.settings = g.config.Settings
	if !g.followsShadow() {
		if err := os.Remove(g.desiredFile()); err == nil {
			g.log.Info("Settings do not come from the shadow any more: its last ones are removed.")
		} else if !errors.Is(err, os.ErrNotExist) {
			g.log.Error("The settings that once came from the shadow cannot be removed. They are not used.",
				"error", err)
		}
		return
	}
	desired, err := os.ReadFile(g.desiredFile())
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var settings config.Settings
	if err == nil {
		settings, err = g.config.Settings.Merge(desired)
	}
	if err == nil {
		_, err = g.newEngine(settings)
	}
	if err != nil {
		g.log.Error("The stored settings cannot be used: those of the file hold until the uplink is up.", "error", err)
		return
	}
	g.settings, g.desired = settings, desired
}

// followsShadow reports whether settings come from the shadow.
func (g *Gateway) followsShadow() bool { return g.config.Shadow != config.Off }

func (g *Gateway) desiredFile() string { return filepath.Join(g.config.StateDirectory, "desired.json") }

// shadow takes the answer to a request for the shadow, or a change of it.
func (g *Gateway) shadow(topic string, payload []byte) {
	type state struct {
		State struct {
			Desired  json.RawMessage        `json:"desired"`
			Reported *contract.EdgeReported `json:"reported"`
		} `json:"state"`
		Version int64 `json:"version"` // of the shadow
	}
	var document struct {
		state
		Current *state `json:"current"`
	}
	if err := json.Unmarshal(payload, &document); err != nil {
		g.log.Warn("The shadow is not what AWS IoT sends.", "topic", topic, "error", err)
		return
	}
	now := document.state
	if strings.HasSuffix(topic, "/update/documents") {
		if document.Current == nil {
			return
		}
		now = *document.Current
	}
	if g.outdated(now.Version) || len(now.State.Desired) == 0 {
		return // what the file says, or the last good settings, hold
	}
	g.apply(now.State.Desired, now.State.Reported)
}

// outdated reports whether a later version of the shadow has arrived on this connection: AWS IoT may deliver them in
// another order. Version 1 is a new shadow.
func (g *Gateway) outdated(version int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if version > 1 && version < g.shadowVersion {
		return true
	}
	g.shadowVersion = version
	return false
}

// apply makes settings hold, if they are good, and reports. known is what the shadow says was reported: what it says
// already is not reported again.
func (g *Gateway) apply(desired []byte, known *contract.EdgeReported) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, desired); err == nil {
		desired = compact.Bytes()
	}
	reported := contract.EdgeReported{Version: config.DesiredVersion(desired), Status: contract.EdgeApplied}
	g.mu.Lock()
	if !bytes.Equal(desired, g.desired) {
		if err := g.change(desired); err != nil {
			text := shortened(err.Error())
			reported.Status, reported.Error = contract.EdgeRejected, &text
			g.log.Error("The shadow has settings that cannot be used: the ones before hold on.",
				"version", reported.Version, "error", err)
		} else {
			g.log.Info("The shadow's settings hold now.", "version", reported.Version)
		}
	}
	g.mu.Unlock()
	if known != nil && known.Version == reported.Version && known.Status == reported.Status &&
		(known.Error == nil) == (reported.Error == nil) && (known.Error == nil || *known.Error == *reported.Error) {
		return
	}
	body, err := json.Marshal(map[string]any{"state": map[string]any{"reported": reported}})
	if err == nil {
		err = g.uplink.Publish(g.shadowTopic()+"/update", body)
	}
	if err != nil {
		g.log.Debug("The state of the settings was not reported; the next connection does it.", "error", err)
	}
}

// shortened cuts a text to what a shadow has room for, between two characters.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD") // as JSON has it: what differs is reported again and again
	if len(text) <= contract.MaxEdgeError {
		return text
	}
	const mark = "…"
	return strings.ToValidUTF8(text[:contract.MaxEdgeError-len(mark)], "") + mark
}

// change checks, stores and adopts settings; g.mu is held.
func (g *Gateway) change(desired []byte) error {
	settings, err := g.config.Settings.Merge(desired)
	if err != nil {
		return err
	}
	engine, err := g.newEngine(settings)
	if err != nil {
		return err
	}
	if err := replaceFile(g.desiredFile(), desired); err != nil {
		return fmt.Errorf("storing the settings: %w", err)
	}
	if err := g.decider.change(engine); err != nil {
		return err
	}
	g.settings, g.desired = settings, bytes.Clone(desired)
	g.uplink.Set(uplink.Settings{Limits: settings.Limits, Batch: settings.Batch})
	g.broker.AllowCommandResults(settings.CommandResults)
	return nil
}

// replaceFile replaces a file as a whole: after a crash or a power failure, it has the old content or the new. One
// goroutine at a time may replace a file.
func replaceFile(name string, content []byte) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(name))
}

// syncDirectory makes the names in a directory durable.
func syncDirectory(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
