using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>Values that JSON does not have, spelled in JSON, and large ones in short: see js/rpc-values.js.</summary>
internal static class RpcSpecs
{
    /// <summary>Of every kind: how we spell it, and how it is told when it has travelled.</summary>
    /// <remarks>JavaScript's undefined becomes false on the way. An empty string or buffer is not here: JavaScript peers take a frame
    /// without a body for a goodbye.</remarks>
    public static IReadOnlyList<(string Spec, string Told)> Kinds { get; } =
    [
        ("""{"a":[1,2.5,-3e-7],"b":{"c":null}}""", """{"a":[1,2.5,-3e-7],"b":{"c":null}}"""),
        ("[]", "[]"),
        ("[[[1]],{}]", "[[[1]],{}]"),
        ("0", "0"),
        ("-1.5e300", "-1.5e300"),
        ("9007199254740991", "9007199254740991"),
        ("true", "true"),
        ("false", "false"),
        ("null", "null"),
        ("""{"$undefined":true}""", "false"),
        ("\"text\"", "\"text\""),
        ("\"\\\"quotes\\\\ and \\u0000\\n\\u2028 lines\"", "\"\\\"quotes\\\\ and \\u0000\\n\\u2028 lines\""),
        ("\"snow ☃, ünï, 日本, 😀\"", "\"snow ☃, ünï, 日本, 😀\""),
        ("""{"ключ ☃":"значение 😀"}""", """{"ключ ☃":"значение 😀"}"""),
        ("""{"$bytes":"AAECAwT/"}""", """{"$bytes":"AAECAwT/"}"""),
        ("""{"$bytes":"AA=="}""", """{"$bytes":"AA=="}"""),
        ("""{"$text":1048576}""", $$"""{"$text":1048576,"hash":"{{Hash(Text(1048576))}}"}"""),
        ("""{"$fill":1048576}""", $$"""{"$fill":1048576,"hash":"{{Hash(Fill(1048576))}}"}"""),
    ];

    public static RpcValue Make(JsonElement spec)
    {
        if (spec.ValueKind != JsonValueKind.Object)
            return spec;
        if (spec.TryGetProperty("$undefined", out _))
            return RpcValue.False;
        if (spec.TryGetProperty("$bytes", out JsonElement bytes))
            return RpcValue.Binary(bytes.GetBytesFromBase64());
        if (spec.TryGetProperty("$text", out JsonElement length))
            return RpcValue.Text(Encoding.UTF8.GetString(Text(length.GetInt32())));
        return spec.TryGetProperty("$fill", out length) ? RpcValue.Binary(Fill(length.GetInt32())) : spec;
    }

    public static RpcValue Make(string spec) => Make(JsonElement.Parse(spec));

    /// <summary>As JSON text, to be compared by <see cref="AssertTold"/>.</summary>
    public static string Tell(RpcValue value) => value.Kind switch
    {
        RpcValueKind.Binary when value.Bytes.Length <= 4096 => $$"""{"$bytes":"{{Convert.ToBase64String(value.Bytes.Span)}}"}""",
        RpcValueKind.Binary => $$"""{"$fill":{{value.Bytes.Length}},"hash":"{{Hash(value.Bytes.Span)}}"}""",
        RpcValueKind.Text when value.Bytes.Length > 4096 => $$"""{"$text":{{value.Bytes.Length}},"hash":"{{Hash(value.Bytes.Span)}}"}""",
        _ => value.AsJson().GetRawText(),
    };

    public static void AssertTold(string expected, string told) =>
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), JsonElement.Parse(told)), $"expected {expected}, was told {told}");

    public static RpcValue Counted(int i) => RpcValue.RawJson(Encoding.ASCII.GetBytes($$"""{"i":{{i}}}"""));

    private static byte[] Fill(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i % 251))];

    private static byte[] Text(int length) => [.. Enumerable.Repeat("ü"u8.ToArray(), length / 2).SelectMany(c => c)];

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
