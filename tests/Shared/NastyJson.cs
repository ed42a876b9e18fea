using System.Text.Json;

namespace Ssb.Conn.Tests.Shared;

/// <summary>Data of a peer, as JSON, that would do harm where they are not read with care. Every entrance is tested with all of them.</summary>
internal static class NastyJson
{
    private const int MostDepth = 60; // what PeerData.MaxDepth says

    private static readonly string s_long = new('7', 400);

    /// <summary>What it is; the JSON object; the same as it is served, or null if it is refused.</summary>
    public static TheoryData<string, string, string?> All => new()
    {
        { "as deep as may be", Deep(MostDepth), Deep(MostDepth) },
        { "as deep as may be, objects", Objects(MostDepth), Objects(MostDepth) },
        { "one level too deep", Deep(MostDepth + 1), null },
        { "one level too deep, objects", Objects(MostDepth + 1), null },
        { "70 levels", Deep(70), null },
        { "3,000 levels", Deep(3_000), null },
        { "a lone surrogate in a value", """{"x":"\ud800"}""", """{"x":"\ud800"}""" },
        { "a lone low surrogate in capitals", """{"x":"a\uDFFFb"}""", """{"x":"a\udfffb"}""" },
        { "a pair the wrong way round", """{"x":"\ude00\ud83d"}""", """{"x":"\ude00\ud83d"}""" },
        { "a pair with an escape", """{"x":"\ud83d\ude00"}""", """{"x":"😀"}""" },
        { "a lone surrogate in a name", """{"\ud800":1,"x":2}""", """{"\ud800":1,"x":2}""" },
        { "lone surrogates inside", """{"x":{"\udc00":["\ud800",{"y\uD801":null}]}}""", """{"x":{"\udc00":["\ud800",{"y\ud801":null}]}}""" },
        { "a lone surrogate as the type", """{"type":"\ud800"}""", """{"type":"\ud800"}""" },
        { "lone surrogates in fields of ours", """{"duration":{"\ud800":1,"mean":5},"ping":{"\udfff":1,"rtt":{"\ud800":2}},"lastError":"\ud800"}""",
            """{"duration":{"\ud800":1,"mean":5},"ping":{"\udfff":1,"rtt":{"\ud800":2}},"lastError":"\ud800"}""" },
        { "names like ours with a lone surrogate", """{"m\ud800":1,"membership\ud800":true,"\ud800type":"x"}""", """{"m\ud800":1,"membership\ud800":true,"\ud800type":"x"}""" },
        { "a name twice", """{"x":1,"y":2,"x":3}""", """{"x":3,"y":2}""" },
        { "a name twice, with an escape", """{"x":1,"\u0078":3}""", """{"x":3}""" },
        { "a number beyond all", """{"x":1e999,"y":[-1e999]}""", """{"x":1e999,"y":[-1e999]}""" },
        { "an exponent beyond all", """{"x":1e99999999999999999999,"y":[1e-99999999999999999999]}""", """{"x":1e99999999999999999999,"y":[1e-99999999999999999999]}""" },
        { "zero below zero", """{"x":-0,"y":[-0.0]}""", """{"x":-0,"y":[-0.0]}""" },
        { "a long number", $$"""{"x":{{s_long}},"y":[0.{{s_long}}]}""", $$"""{"x":{{s_long}},"y":[0.{{s_long}}]}""" },
        { "numbers of ours beyond all", """{"failure":1e999,"stateChange":-1e999,"birth":1,"duration":{"mean":1e999,"count":1e999}}""",
            """{"failure":1e999,"stateChange":-1e999,"birth":1,"duration":{"mean":1e999,"count":1e999}}""" },
        { "a prototype", """{"__proto__":{"x":1},"constructor":2}""", """{"__proto__":{"x":1},"constructor":2}""" },
        { "no number", """{"x":NaN}""", null },
        { "no number either", """{"x":-Infinity}""", null },
        { "a comma at the end", """{"x":1,}""", null },
        { "a comment", """{"x":1/**/}""", null },
    };

    /// <summary>Arrays in arrays.</summary>
    public static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    /// <summary>Is it JSON, however deep?</summary>
    public static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 10_000 });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Deep(int depth) => $$"""{"x":{{Nested(depth - 1)}}}""";

    private static string Objects(int depth) =>
        string.Concat(Enumerable.Repeat("""{"x":""", depth - 1)) + """{"x":1}""" + new string('}', depth - 1);
}
