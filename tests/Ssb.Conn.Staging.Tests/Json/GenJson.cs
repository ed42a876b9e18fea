using System.Text;
using CsCheck;

namespace Ssb.Conn.Staging.Tests.Json;

/// <summary>Random JSON, already in the bytes of JSON.stringify; the escaping is written out here a second time.</summary>
internal static class GenJson
{
    private static readonly Gen<string> s_text = Gen.String[Gen.Char["ab+/=<>&'`\"\\\n\t\u0001\u001f\u007f\u2028é日\uFFFD"], 0, 8]
        .Select(Gen.OneOf("", "😀", "🏳️‍🌈"), (text, more) => text + more);

    private static readonly Gen<string> s_scalar = Gen.OneOf(
        Gen.OneOf("null", "true", "false", "0", "1e3", "-12.50", "9007199254740993"), s_text.Select(Quote));

    private static readonly Gen<string> s_value = Gen.OneOf(
        s_scalar,
        s_scalar.Array[0, 3].Select(items => $"[{string.Join(',', items)}]"),
        Gen.Select(s_text, s_scalar).Array[0, 3].Select(Join));

    /// <summary>An object whose fields have no special meaning.</summary>
    public static Gen<string> Object { get; } =
        Gen.Select(s_text.Select(name => "x" + name), s_value).Array[0, 5].Select(Join);

    private static string Join((string Name, string Value)[] fields) =>
        "{" + string.Join(',', fields.DistinctBy(f => f.Name).Select(f => $"{Quote(f.Name)}:{f.Value}")) + "}";

    private static string Quote(string text)
    {
        var json = new StringBuilder("\"");
        foreach (char c in text)
        {
            json.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }

        return json.Append('"').ToString();
    }
}
