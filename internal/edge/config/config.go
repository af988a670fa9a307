// Package config is the configuration of a gateway: a JSON file, and what the gateway's shadow changes of it.
package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/uplink"
)

// Config is the file of a gateway. Relative paths in it are relative to the file.
type Config struct {
	// Credentials is the gateway's credentials bundle: the JSON file as the pipeline stores it, or a directory with
	// certificate.pem, private.key and bundle.json, the bundle without the key.
	Credentials string `json:"credentials"`
	// CA is a PEM file with the certificates that sign the server's; "" trusts those of the system.
	CA string `json:"ca,omitzero"`
	// Endpoint is host or host:port in place of the bundle's.
	Endpoint string `json:"endpoint,omitzero"`
	// StateDirectory holds the queue and the last good settings.
	StateDirectory string `json:"state_directory"`
	Broker         Broker `json:"broker"`
	Queue          Queue  `json:"queue,omitzero"`
	// Monitor is the loopback address of health and metrics; "" is DefaultMonitor, "off" none.
	Monitor string `json:"monitor,omitzero"`
	Log     Log    `json:"log,omitzero"`
	// DrainSeconds is how long the gateway goes on forwarding after it was told to stop.
	DrainSeconds *int `json:"drain_seconds,omitzero"`
	// Settings hold until the shadow has others.
	Settings Settings `json:"settings,omitzero"`
	// Shadow is "off" if settings come from nowhere else: the gateway has nothing to do with its shadow, and forgets
	// what it once took from there.
	Shadow string `json:"shadow,omitzero"`
	// ClientID is the MQTT client ID; "" is the name of the gateway's thing. A gateway with a further connection has
	// "<thing>#<suffix>" here.
	ClientID string `json:"-"`
}

// Broker is the MQTT broker of the local network.
type Broker struct {
	Listen []Listen `json:"listen"`
	// Certificate and Key are PEM files of the broker; needed unless all listeners are plain.
	Certificate string `json:"certificate,omitzero"`
	Key         string `json:"key,omitzero"`
	// ClientCA is a PEM file with the certificates that sign those of children.
	ClientCA string `json:"client_ca,omitzero"`
	// Children are the devices behind the gateway by their names: what follows "<gateway>:" in the thing's name.
	Children map[string]Child `json:"children"`
}

// Listen is where the broker listens: an address or an interface.
type Listen struct {
	Address   string `json:"address,omitzero"`   // ip:port
	Interface string `json:"interface,omitzero"` // all its addresses
	Port      int    `json:"port,omitzero"`      // with interface; 8883, or 1883 for a plain listener
	// Plain listens without TLS: passwords and readings can be read on the network.
	Plain bool `json:"plain,omitzero"`
}

// Child is one device behind the gateway.
type Child struct {
	// Password is what "iot-edge password" prints for it. Without one, the child needs a certificate of the client CA
	// with its name as common name.
	Password string `json:"password,omitzero"`
}

// Queue is the store-and-forward queue.
type Queue struct {
	MaxMiB int `json:"max_mib,omitzero"`
	// Drop is "oldest" or "lowest_priority".
	Drop string `json:"drop,omitzero"`
	// Sync is "each" (a message is acknowledged when it is on the disk itself) or "interval".
	Sync         string `json:"sync,omitzero"`
	SyncInterval int    `json:"sync_interval_ms,omitzero"`
}

// Log is how the gateway logs, to standard error.
type Log struct {
	Level  string `json:"level,omitzero"`  // debug, info, warn or error
	Format string `json:"format,omitzero"` // text or json
}

// Settings are what the shadow can change while the gateway runs.
type Settings struct {
	// Version is set by whoever writes the shadow; the gateway reports it.
	Version int64         `json:"version,omitzero"`
	Batch   *uplink.Batch `json:"batch,omitzero"`
	Limits  uplink.Limits `json:"limits,omitzero"`
	// StatusSeconds is how often the gateway reports its state.
	StatusSeconds int `json:"status_seconds,omitzero"`
	// StatusTelemetry sends the state as telemetry of the gateway as well, so that stores and alerts have it.
	StatusTelemetry bool `json:"status_telemetry,omitzero"`
	// CommandResults forwards what children answer to commands. Only a pipeline with an API takes that: AWS IoT closes
	// the connection otherwise.
	CommandResults bool `json:"command_results,omitzero"`
	// Rules decide on the gateway what becomes of messages, by name.
	Rules map[string]rules.Rule `json:"rules,omitzero"`
	// Unmatched is what becomes of a message that no rule takes: "forward", the default, or "drop".
	Unmatched string `json:"unmatched,omitzero"`
	// DataField and TimeField are those of the pipeline's telemetry block; "" means its defaults.
	DataField string `json:"data_field,omitzero"`
	TimeField string `json:"time_field,omitzero"`
	// MaxSeries bounds the memory of the rules; 0 is the default of rules.Config.
	MaxSeries int `json:"max_series,omitzero"`
}

// RulesOf are the rules of a gateway in a pipeline with these topics.
func (s Settings) RulesOf(prefix, gateway string) rules.Config {
	return rules.Config{Prefix: prefix, Gateway: gateway, Rules: s.Rules, Unmatched: s.Unmatched,
		DataField: s.DataField, TimeField: s.TimeField, MaxSeries: s.MaxSeries}
}

// Values of Queue.Sync.
const (
	SyncEach     = "each"
	SyncInterval = "interval"
)

// Defaults.
const (
	DefaultMonitor       = "127.0.0.1:9188"
	DefaultMaxMiB        = 256
	DefaultSyncInterval  = 1000
	DefaultStatusSeconds = 300
	DefaultDrainSeconds  = 5
	maxStatusSeconds     = 86_400
)

// Off is the value of Config.Monitor and Config.Shadow that switches them off, On the default of Config.Shadow.
const (
	On  = "on"
	Off = "off"
)

// Load reads and checks a file.
func Load(name string) (*Config, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	dir := filepath.Dir(name)
	for _, path := range []*string{&c.Credentials, &c.CA, &c.StateDirectory, &c.Broker.Certificate, &c.Broker.Key,
		&c.Broker.ClientCA} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return c, nil
}

// Start is what whoever starts the gateway knows better than its file. What is empty replaces nothing.
type Start struct {
	ClientID, StateDirectory, Shadow string
	Settings                         string // JSON, whose members replace those of the file
}

// Override replaces what s has.
func (c *Config) Override(s Start) error {
	c.ClientID = cmp.Or(s.ClientID, c.ClientID)
	c.StateDirectory = cmp.Or(s.StateDirectory, c.StateDirectory)
	c.Shadow = cmp.Or(s.Shadow, c.Shadow)
	if c.Shadow != On && c.Shadow != Off {
		return fmt.Errorf("-shadow is %q: want %s or %s", s.Shadow, On, Off)
	}
	merged, err := c.Settings.Merge([]byte(s.Settings))
	if err != nil {
		return fmt.Errorf("the settings in %s: %w", contract.EnvEdgeSettings, err)
	}
	c.Settings = merged
	return nil
}

// Parse reads and checks the text of a file.
func Parse(text []byte) (*Config, error) {
	var c Config
	if err := decode(text, &c); err != nil {
		return nil, err
	}
	c.defaults()
	return &c, errors.Join(c.problems()...)
}

func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("not a configuration: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not a configuration: something follows the JSON object")
	}
	return nil
}

func or[T comparable](v *T, fallback T) {
	if *v == *new(T) {
		*v = fallback
	}
}

func (c *Config) defaults() {
	or(&c.Monitor, DefaultMonitor)
	or(&c.Shadow, On)
	or(&c.Queue.MaxMiB, DefaultMaxMiB)
	or(&c.Queue.Drop, string(queue.DropOldest))
	or(&c.Queue.Sync, SyncInterval)
	or(&c.Queue.SyncInterval, DefaultSyncInterval)
	or(&c.Log.Level, "info")
	or(&c.Log.Format, "text")
	if c.DrainSeconds == nil {
		seconds := DefaultDrainSeconds
		c.DrainSeconds = &seconds
	}
	for i := range c.Broker.Listen {
		if l := &c.Broker.Listen[i]; l.Interface != "" && l.Plain {
			or(&l.Port, 1883)
		} else if l.Interface != "" {
			or(&l.Port, 8883)
		}
	}
	c.Settings.defaults()
}

func (s *Settings) defaults() {
	or(&s.Limits.PublishesPerSecond, uplink.DefaultLimits.PublishesPerSecond)
	or(&s.Limits.BytesPerSecond, uplink.DefaultLimits.BytesPerSecond)
	or(&s.Limits.Window, uplink.DefaultLimits.Window)
	or(&s.StatusSeconds, DefaultStatusSeconds)
	if b := s.Batch; b != nil {
		copied := *b
		or(&copied.MaxReadings, 100)
		or(&copied.MaxBytes, 32<<10)
		or(&copied.LingerMS, 1000)
		s.Batch = &copied
	}
}

// SyncEvery is the interval between syncs of the queue.
func (q Queue) SyncEvery() time.Duration { return time.Duration(q.SyncInterval) * time.Millisecond }

type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

func (p *problems) between(name string, value, least, most int) {
	if value < least || value > most {
		p.add("%s is %d: want %d to %d", name, value, least, most)
	}
}

func (p *problems) oneOf(name, value string, values ...string) {
	if !slices.Contains(values, value) {
		p.add("%s is %q: want %s", name, value, strings.Join(values, " or "))
	}
}

func (c *Config) problems() []error {
	var p problems
	if c.Credentials == "" {
		p.add("credentials is missing: name the file of the gateway's credentials bundle")
	}
	if c.StateDirectory == "" {
		p.add("state_directory is missing: name the directory of the queue, such as /var/lib/iot-edge")
	}
	p.between("queue.max_mib", c.Queue.MaxMiB, queue.MinBytes>>20, 1<<20)
	p.oneOf("queue.drop", c.Queue.Drop, string(queue.DropOldest), string(queue.DropLowestPriority))
	p.oneOf("queue.sync", c.Queue.Sync, SyncEach, SyncInterval)
	p.between("queue.sync_interval_ms", c.Queue.SyncInterval, 10, 60_000)
	p.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	p.oneOf("log.format", c.Log.Format, "text", "json")
	p.between("drain_seconds", *c.DrainSeconds, 0, 600)
	if c.Monitor != Off && !loopback(c.Monitor) {
		p.add("monitor is %q: want a loopback address with a port, such as %s, or %q", c.Monitor, DefaultMonitor, Off)
	}
	p.oneOf("shadow", c.Shadow, On, Off)
	c.Broker.problems(&p)
	c.Settings.problems(&p)
	return p
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func (b *Broker) problems(p *problems) {
	if len(b.Listen) == 0 {
		p.add("broker.listen is empty: name at least one address or interface, such as " +
			`{"interface": "eth1"} or {"address": "192.168.10.1:8883"}`)
	}
	secure := false
	for i, l := range b.Listen {
		name := fmt.Sprintf("broker.listen[%d]", i)
		secure = secure || !l.Plain
		switch {
		case (l.Address == "") == (l.Interface == ""):
			p.add("%s needs either address or interface", name)
		case l.Address != "":
			host, _, err := net.SplitHostPort(l.Address)
			if err != nil || net.ParseIP(host) == nil {
				p.add("%s.address is %q: want an IP address and a port", name, l.Address)
			}
		default:
			p.between(name+".port", l.Port, 1, 65_535)
		}
	}
	if secure && (b.Certificate == "" || b.Key == "") {
		p.add("broker.certificate and broker.key are missing: a listener without plain = true needs them")
	}
	if len(b.Children) == 0 {
		p.add("broker.children is empty: name the devices behind the gateway")
	}
	for _, name := range slices.Sorted(maps.Keys(b.Children)) {
		child := b.Children[name]
		if !ValidChild(name) {
			p.add("broker.children has %q: want a name of a-z, A-Z, 0-9, _ and -, of at most %d characters", name,
				contract.MaxChildName)
		}
		switch {
		case child.Password == "" && b.ClientCA == "":
			p.add("broker.children.%s has no password, and there is no client_ca for certificates: set one of them "+
				"(iot-edge password)", name)
		case child.Password != "" && !PasswordHash(child.Password).valid():
			p.add("broker.children.%s.password is not what iot-edge password prints", name)
		}
	}
}

// ValidChild reports whether a child can have the name.
func ValidChild(name string) bool {
	return name != "" && len(name) <= contract.MaxChildName && strings.Trim(name,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func (s *Settings) problems(p *problems) {
	p.between("settings.limits.publishes_per_second", s.Limits.PublishesPerSecond, 1, 100_000)
	p.between("settings.limits.bytes_per_second", s.Limits.BytesPerSecond, 1024, 1<<30)
	p.between("settings.limits.window", s.Limits.Window, 1, 10_000)
	p.between("settings.status_seconds", s.StatusSeconds, 10, maxStatusSeconds)
	if b := s.Batch; b != nil {
		p.between("settings.batch.max_readings", b.MaxReadings, 2, 10_000)
		p.between("settings.batch.max_bytes", b.MaxBytes, 256, queue.MaxPayload)
		p.between("settings.batch.linger_ms", b.LingerMS, 1, 600_000)
	}
}
