using System.Text.Json.Serialization;

namespace Ssb.Wire.Tests.Muxrpc;

internal sealed record Point(int X, int Y);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Point))]
[JsonSerializable(typeof(string))]
internal sealed partial class TestJson : JsonSerializerContext;
