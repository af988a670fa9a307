package config

import (
	"encoding/json"
	"strings"
	"testing"
)

const good = `{
  "credentials": "bundle.json", "state_directory": "/var/lib/iot-edge",
  "broker": {"listen": [{"address": "192.168.10.1:1883", "plain": true}], "children": {"soil-1": {"password": "PASSWORD"}}}
}`

func goodText(t testing.TB) string {
	t.Helper()
	hash, err := HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(good, "PASSWORD", string(hash))
}

func TestDefaults(t *testing.T) {
	c, err := Parse([]byte(goodText(t)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Queue.MaxMiB != DefaultMaxMiB || c.Monitor != DefaultMonitor || c.Settings.Limits.PublishesPerSecond != 100 ||
		c.Settings.Batch != nil || *c.DrainSeconds != DefaultDrainSeconds {
		t.Errorf("defaults %+v", c)
	}
}

// TestProblems: every mistake is named with its place.
func TestProblems(t *testing.T) {
	for problem, change := range map[string][2]string{
		"credentials is missing":         {`"credentials": "bundle.json",`, ``},
		"state_directory is missing":     {`"state_directory": "/var/lib/iot-edge",`, ``},
		"unknown field \"colour\"":       {`{`, `{"colour": 1,`},
		"something follows":              {`}}}` + "\n}", `}}}} {}`},
		"broker.listen is empty":         {`{"address": "192.168.10.1:1883", "plain": true}`, ``},
		"needs either address":           {`"address": "192.168.10.1:1883",`, ``},
		"want an IP address and a port":  {`192.168.10.1:1883`, `gateway.local`},
		"broker.certificate and":         {`, "plain": true`, ``},
		"broker.children is empty":       {`"soil-1": {"password": "PASSWORD"}`, ``},
		"want a name of a-z":             {`soil-1`, `soil:1`},
		"has no password, and":           {`"password": "PASSWORD"`, ``},
		"is not what iot-edge password":  {`PASSWORD`, `secret`},
		"monitor is \"0.0.0.0:9188\"":    {`{`, `{"monitor": "0.0.0.0:9188",`},
		"queue.max_mib is -1":            {`{`, `{"queue": {"max_mib": -1},`},
		"queue.drop is \"newest\"":       {`{`, `{"queue": {"drop": "newest"},`},
		"queue.sync is \"never\"":        {`{`, `{"queue": {"sync": "never"},`},
		"settings.batch.max_readings":    {`{`, `{"settings": {"batch": {"max_readings": 1}},`},
		"settings.limits.window is -1":   {`{`, `{"settings": {"limits": {"window": -1}},`},
		"settings.status_seconds is 1: ": {`{`, `{"settings": {"status_seconds": 1},`},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if text == good {
			t.Fatalf("%q changes nothing", change[0])
		}
		hash := "pbkdf2-sha256$1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		_, err := Parse([]byte(strings.ReplaceAll(text, "PASSWORD", hash)))
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("error %v, want %q", err, problem)
		}
	}
}

func TestPasswords(t *testing.T) {
	one, err := HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	two, err := HashPassword("secret")
	if err != nil || one == two {
		t.Fatalf("two hashes of one password are the same: %s, %v", one, err)
	}
	if !one.Matches([]byte("secret")) || one.Matches([]byte("Secret")) || one.Matches(nil) {
		t.Errorf("%s does not tell passwords apart", one)
	}
	for _, bad := range []PasswordHash{"", "secret", "pbkdf2-sha256$0$c2FsdA$c2FsdA",
		"pbkdf2-sha256$99999999999$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", one[1:]} {
		if bad.valid() || bad.Matches([]byte("secret")) {
			t.Errorf("%q counts as a hash", bad)
		}
	}
}

// TestMerge: the shadow's members replace those of the file, and bad ones change nothing.
func TestMerge(t *testing.T) {
	c, err := Parse([]byte(strings.Replace(goodText(t), "{", `{"settings": {"status_seconds": 60, "batch": {}},`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(c.Settings)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := c.Settings.Merge([]byte(`{"version": 4, "batch": {"max_readings": 7}}`))
	if err != nil || merged.Version != 4 || merged.StatusSeconds != 60 || merged.Batch.MaxReadings != 7 ||
		merged.Batch.LingerMS != 1000 {
		t.Errorf("merged %+v, %v", merged, err)
	}
	if merged, err := c.Settings.Merge([]byte(`{"batch": null}`)); err != nil || merged.Batch != nil {
		t.Errorf("without batches: %+v, %v", merged, err)
	}
	for _, desired := range []string{`{"batch": {"max_readings": 1}}`, `{"colour": 1}`, `[]`, `{`} {
		if _, err := c.Settings.Merge([]byte(desired)); err == nil {
			t.Errorf("%s is no error", desired)
		}
	}
	if after, err := json.Marshal(c.Settings); err != nil || string(after) != string(before) {
		t.Errorf("the file's settings have changed: %s, %v", after, err)
	}
}

// FuzzMerge: no desired state of the shadow panics, and what is accepted is within the bounds.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"version":4,"batch":{"max_readings":7},"limits":{"window":3},"rules":{"a":{"sql":"SELECT * FROM 'a'"}}}`))
	f.Add([]byte(`{"batch":null,"status_seconds":1e9}`))
	f.Fuzz(func(t *testing.T, desired []byte) {
		var file Settings
		file.defaults()
		merged, err := file.Merge(desired)
		if err != nil {
			return
		}
		var p problems
		if merged.problems(&p); len(p) > 0 {
			t.Errorf("%s is accepted with %v", desired, p)
		}
	})
}

// FuzzParse: no file panics, and what is accepted is accepted again as it was understood.
func FuzzParse(f *testing.F) {
	f.Add([]byte(goodText(f)))
	f.Add([]byte(`{"broker":{"listen":[{"interface":"eth1"}],"children":{"a":{"password":"pbkdf2-sha256$1$$"}}},"drain_seconds":0}`))
	f.Add([]byte(strings.Replace(goodText(f), "{", `{"settings": {"rules": {"a": {"sql": ""}}, "batch": {}},`, 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		other, err := Parse(again)
		if err != nil {
			t.Fatalf("%s is accepted, and %s is not: %v", text, again, err)
		}
		if twice, err := json.Marshal(other); err != nil || string(twice) != string(again) {
			t.Fatalf("%s becomes %s, %v", again, twice, err)
		}
		if _, err := c.Settings.Merge([]byte("{}")); err != nil {
			t.Fatalf("%s: nothing changes, and then: %v", text, err)
		}
	})
}
