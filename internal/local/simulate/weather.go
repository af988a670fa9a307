package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A climate is what one sensor in a greenhouse sees: soil that dries and is watered, temperature and humidity with the
// time of day, and a battery that runs down. The same seed gives the same climate.
type climate struct {
	random   *rand.Rand
	offset   float64 // of this place's temperature, in degrees
	moisture float64 // of the soil, in percent
	battery  float64 // in percent
	last     time.Time
	drift    float64 // of a sensor that is wrong, in degrees
}

// The shape of a day. A greenhouse is warmest at two in the afternoon.
const (
	meanTemperature  = 21.0 // degrees Celsius
	dayAmplitude     = 6.5
	warmestHour      = 14.0
	dryingPerHour    = 1.8 // percent of moisture at mean temperature
	wateredTo        = 78.0
	watersItselfAt   = 22.0
	batteryPerDay    = 0.9 // percent
	faultTemperature = 84.9
)

func newClimate(seed uint64, now time.Time) *climate {
	r := rand.New(rand.NewPCG(seed, seed^0x5eed))
	return &climate{
		random:   r,
		offset:   r.Float64()*3 - 1.5,
		moisture: 40 + r.Float64()*35,
		battery:  70 + r.Float64()*30,
		last:     now,
	}
}

// reading is what the sensor shows at one time.
type reading struct {
	Temperature, Humidity, SoilMoisture, Battery float64
}

// at moves the climate on to the time and reads it.
func (c *climate) at(now time.Time) reading {
	hours := max(0, now.Sub(c.last).Hours())
	c.last = now
	hour := float64(now.Hour()) + float64(now.Minute())/60
	temperature := meanTemperature + c.offset + dayAmplitude*math.Cos(
		(hour-warmestHour)/24*2*math.Pi,
	) + c.random.NormFloat64()*0.2
	c.moisture -= dryingPerHour * hours * max(0.2, temperature/meanTemperature)
	if c.moisture < watersItselfAt {
		c.water()
	}
	c.battery = max(0, c.battery-batteryPerDay*hours/24)
	// Warm air holds more water: the relative humidity falls while the day warms up, and rises with the soil's
	// moisture.
	humidity := 92 - 1.7*temperature + 0.15*c.moisture + c.random.NormFloat64()
	temperature += c.drift
	return reading{round(temperature), round(min(100, max(5, humidity))), round(c.moisture), round(c.battery)}
}

func (c *climate) water() { c.moisture = wateredTo }

func round(v float64) float64 { return math.Round(v*100) / 100 }

// samples reads the climate several times since the last reading, the last time now.
func (c *climate) samples(now time.Time, count int) []sample {
	step := max(now.Sub(c.last)/time.Duration(count), time.Millisecond)
	list := make([]sample, count)
	for i := range list {
		at := now.Add(-step * time.Duration(count-1-i)).Truncate(time.Millisecond)
		r := c.at(at)
		list[i] = sample{at, []measure{
			{"temperature", "Cel", r.Temperature},
			{"humidity", "%RH", r.Humidity},
			{"soil_moisture", "%", r.SoilMoisture},
			{"battery", "%EL", r.Battery},
		}}
	}
	return list
}

// message is the payload at the time. Faulty ones are those of real fields: a sensor that jumps, a measure that is
// missing, or a payload that ends early.
func (c *climate) message(e Encoding, device string, now time.Time, faultRate float64) ([]byte, error) {
	samples := c.samples(now, e.format().samples)
	last := &samples[len(samples)-1]
	cut := false
	if c.random.Float64() < faultRate {
		switch c.random.IntN(3) {
		case 0:
			last.measures[0].value = faultTemperature
		case 1:
			last.measures = slices.Delete(last.measures, 1, 2) // the humidity
		default:
			cut = true
		}
	}
	payload, err := e.encode(device, samples)
	if cut {
		payload = payload[:len(payload)/2]
	}
	return payload, err
}
