// Package city is the geography that the example's Go services share: a city of about 9 by 9 km.
package city

import "math"

const (
	earthRadiusMetres = 6_371_000
	// South, West, North and East bound the city, in degrees.
	South, West, North, East = 52.33, 4.83, 52.41, 4.96
)

// Point is a place on the map, in degrees.
type Point struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

// Contains reports whether a point lies in the city; not-a-number does not.
func Contains(p Point) bool {
	return p.Lat >= South && p.Lat <= North && p.Lon >= West && p.Lon <= East
}

// Metres is the great-circle distance between two points (haversine).
func Metres(a, b Point) float64 {
	lat1, lat2 := radians(a.Lat), radians(b.Lat)
	sinLat := math.Sin((lat2 - lat1) / 2)
	sinLon := math.Sin(radians(b.Lon-a.Lon) / 2)
	h := sinLat*sinLat + math.Cos(lat1)*math.Cos(lat2)*sinLon*sinLon
	return 2 * earthRadiusMetres * math.Asin(math.Min(1, math.Sqrt(h)))
}

// At is the point at the given shares of the way from west to east and from south to north.
func At(east, north float64) Point {
	return Point{Lat: South + north*(North-South), Lon: West + east*(East-West)}
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }
