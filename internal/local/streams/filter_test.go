package streams

import "testing"

func TestFilter(t *testing.T) {
	const record = `{"temp":81,"type":"alert","tags":["a","b"],"site":{"name":"North"},"none":null}`
	for _, c := range []struct {
		reason  string
		pattern string
		data    string
		want    bool
	}{
		{"a number in range and a value", `{"data":{"temp":[{"numeric":[">",80]}],"type":["alert"]}}`, record, true},
		{"one of two members does not match", `{"data":{"temp":[{"numeric":[">",90]}],"type":["alert"]}}`, record,
			false},
		{"both ends of a range", `{"data":{"temp":[{"numeric":[">",80,"<=",81]}]}}`, record, true},
		{"outside of a range", `{"data":{"temp":[{"numeric":[">",80,"<",81]}]}}`, record, false},
		{"any of several values", `{"data":{"type":["status","alert"]}}`, record, true},
		{"an element of an array", `{"data":{"tags":["b"]}}`, record, true},
		{"a nested member", `{"data":{"site":{"name":[{"prefix":"No"}]}}}`, record, true},
		{"a suffix", `{"data":{"site":{"name":[{"suffix":"th"}]}}}`, record, true},
		{"without regard to case", `{"data":{"site":{"name":[{"equals-ignore-case":"NORTH"}]}}}`, record, true},
		{"anything but", `{"data":{"type":[{"anything-but":["alert"]}]}}`, record, false},
		{"anything but something else", `{"data":{"type":[{"anything-but":"status"}]}}`, record, true},
		{"exists", `{"data":{"none":[{"exists":true}]}}`, record, true},
		{"null", `{"data":{"none":[null]}}`, record, true},
		{"does not exist", `{"data":{"humidity":[{"exists":false}]}}`, record, true},
		{"the partition key", `{"partitionKey":["dev7"]}`, record, true},
		{"another partition key", `{"partitionKey":["dev8"]}`, record, false},
		{"data that is not JSON", `{"data":{"temp":[{"numeric":[">",80]}]}}`, "temp=81", false},
		{"data that is not JSON, by its key", `{"partitionKey":["dev7"]}`, "temp=81", true},
		{"an unknown comparison matches nothing", `{"data":{"type":[{"cidr":"10.0.0.0/8"}]}}`, record, false},
	} {
		f, err := parseFilter([]string{`{"data":{"never":["x"]}}`, c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		if got := f.match(Record{PartitionKey: "dev7", Data: []byte(c.data)}); got != c.want {
			t.Errorf("%s: got %v, want %v", c.reason, got, c.want)
		}
	}
	if _, err := Start(Mapping{UUID: "u", Filters: []string{"{"}}, Options{}); err == nil {
		t.Error("a filter that is not JSON was accepted")
	}
}
