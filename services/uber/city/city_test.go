package city

import (
	"math"
	"net/url"
	"testing"
)

func TestMetres(t *testing.T) {
	// One degree of latitude is 111.19 km on a sphere of the earth's mean radius.
	if got := Metres(Point{52, 4.9}, Point{53, 4.9}); math.Abs(got-111_195) > 5 {
		t.Errorf("one degree of latitude: %.0f m", got)
	}
	if got := Metres(At(0.5, 0.5), At(0.5, 0.5)); got != 0 {
		t.Errorf("a point is %f m from itself", got)
	}
}

func TestFromQuery(t *testing.T) {
	for query, valid := range map[string]bool{
		"lat=52.37&lon=4.9": true,
		"lat=51&lon=4.9":    false,
		"lat=NaN&lon=4.9":   false,
		"lat=52.37":         false,
	} {
		values, _ := url.ParseQuery(query)
		if _, err := FromQuery(values); (err == nil) != valid {
			t.Errorf("%s: %v", query, err)
		}
	}
}
