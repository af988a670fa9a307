package funcs

import (
	"fmt"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

const sectionTime = "14.4"

var timeFuncs = []*Func{
	{
		Name: "timestamp", Section: sectionTime, Signature: "timestamp()", Result: Whole,
		Doc:      "When the rules engine saw the message, in milliseconds since 1970 in UTC.",
		Examples: []Example{{SQL: "timestamp()", Want: "1481825251155"}},
		Call:     func(e *Env, _ []value.Value) value.Value { return value.OfInt(e.Now().UnixMilli()) },
	},
	{
		Name: "parse_time", Section: sectionTime, Signature: "parse_time(pattern, milliseconds [, zone])", V2: true,
		Min: 2, Max: 3, Result: Text,
		Doc: "Milliseconds since 1970 as text, by a Joda-Time pattern, in a zone such as 'America/Belize' or " +
			"'+01:00'; in UTC without one. A pattern or zone that does not exist gives Undefined.",
		Examples: []Example{
			{
				SQL:  `parse_time("yyyy.MM.dd G 'at' HH:mm:ss z", 100000000, 'America/Belize')`,
				Want: `"1970.01.01 AD at 21:46:40 CST"`,
			},
			{SQL: "parse_time('yyyy', timestamp(), 'UTC')", Want: `"2016"`},
		},
		Call: parseTime, Prepare: prepareParseTime,
	},
	{
		Name: "time_to_epoch", Section: sectionTime, Signature: "time_to_epoch(text, pattern)", V2: true, Min: 2,
		Max: 2, Result: Whole,
		Doc: "The milliseconds since 1970 of a text, by a pattern of JDK 11's DateTimeFormatter; in UTC where the " +
			"text has no zone, at midnight where it has no time. A text that does not fit gives Undefined.",
		Examples: []Example{
			{SQL: `time_to_epoch("2020-04-03 09:45:18 UTC+01:00", "yyyy-MM-dd HH:mm:ss VV")`, Want: "1585903518000"},
			{SQL: `time_to_epoch("18 December 2015", "dd MMMM yyyy")`, Want: "1450396800000"},
			{
				SQL:  `time_to_epoch("2007-12-03 10:15:30.592 America/Los_Angeles", "yyyy-MM-dd HH:mm:ss.SSS z")`,
				Want: "1196705730592",
			},
		},
		Call: timeToEpoch, Prepare: prepareTimeToEpoch,
	},
}

// Limits on patterns and times that are not constants of the rule.
const (
	maxTimePattern = 256
	maxMillis      = 8_640_000_000_000_000 // 275,000 years around 1970
)

func parseTime(e *Env, args []value.Value) value.Value {
	pattern, ok := value.ToString(args[0])
	if !ok {
		return value.Value{}
	}
	p, err := compileJoda(pattern)
	if err != nil {
		return value.Value{}
	}
	return p.call(e, args)
}

func prepareParseTime(_ value.Version, args []*value.Value) (Impl, error) {
	if args[0] == nil {
		return nil, nil
	}
	pattern, ok := value.ToString(*args[0])
	if !ok {
		return nil, nil
	}
	p, err := compileJoda(pattern)
	if err != nil {
		return nil, err
	}
	if len(args) == 3 && args[2] != nil {
		if _, ok := loadZone(args[2].Text()); !ok {
			return nil, fmt.Errorf("there is no time zone %q", args[2].Text())
		}
	}
	return p.call, nil
}

// call formats args[1] in the zone args[2].
func (p jodaPattern) call(e *Env, args []value.Value) value.Value {
	ms, ok := e.Version.ToFloor(args[1])
	if !ok || ms.Int64() > maxMillis || ms.Int64() < -maxMillis {
		return value.Value{}
	}
	zone := time.UTC
	if len(args) == 3 {
		name, isText := value.ToString(args[2])
		if zone, ok = loadZone(name); !isText || !ok {
			return value.Value{}
		}
	}
	return value.OfString(p.format(time.UnixMilli(ms.Int64()).In(zone)))
}

func timeToEpoch(e *Env, args []value.Value) value.Value {
	pattern, ok := value.ToString(args[1])
	if !ok {
		return value.Value{}
	}
	p, err := compileJDK(pattern)
	if err != nil {
		return value.Value{}
	}
	return p.call(e, args)
}

func prepareTimeToEpoch(_ value.Version, args []*value.Value) (Impl, error) {
	if args[1] == nil {
		return nil, nil
	}
	pattern, ok := value.ToString(*args[1])
	if !ok {
		return nil, nil
	}
	p, err := compileJDK(pattern)
	if err != nil {
		return nil, err
	}
	return p.call, nil
}

func (p jdkPattern) call(_ *Env, args []value.Value) value.Value {
	text, ok := value.ToString(args[0])
	if !ok {
		return value.Value{}
	}
	ms, ok := p.parse(text)
	if !ok {
		return value.Value{}
	}
	return value.OfInt(ms)
}
