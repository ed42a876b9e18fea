using System.Globalization;
using System.Text;

namespace Interop.Tests.Signing;

/// <summary>JSON as other programs might spell it. The same seed gives the same texts.</summary>
internal sealed class JsonTexts(int seed)
{
    private static readonly string[] s_numbers =
    [
        "0", "-0", "-0.0", "0e5", "1", "-1", "1.0", "1.50", "100", "1e2", "1E2", "1e+2", "1e-2", "1E-7", "0.000001", "0.0000001", "1e20", "1e21",
        "123456789012345680000", "123456789012345678901234567890", "9007199254740993", "4294967295", "1.7976931348623157e308", "1e309", "-1e999",
        "5e-324", "2e-324", "0.1", "0.30000000000000004", "1700000000000", "1700000000000.25", "-123.456e-10", "9.5367431640625e-7", "1e1000000",
    ];

    private static readonly string[] s_keys =
    [
        "a", "b", "key", "type", "0", "1", "2", "10", "9", "01", "-1", "1.5", "4294967294", "4294967295", "4294967296", "99999999999", "",
        "__proto__x", "constructor", "toString", "length", "\\u0061", "\\u0030", "é", "😀", "\\ud800", "\\n", "a\\/b", "\u2028",
    ];

    private static readonly string[] s_bits =
    [
        "a", "Z", " ", "+", "/", "=", "<", ">", "&", "'", "\\\"", "\\\\", "\\/", "/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u001f", "\\u007f", "\u007f",
        "\\u0041", "\\u00e9", "\\u00E9", "é", "\u0080", "\u2028", "\\u2029", "\ufeff", "\\ufffe", "中", "😀", "\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\ude00\\ud83d", "\\uDBFF\\uDFFF",
        "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519", "net:1.2.3.4:8008~shs:+/=",
    ];

    private readonly Random _random = new(seed);

    /// <summary>A value of any kind.</summary>
    public string Value(int depth = 0)
    {
        var text = new StringBuilder();
        Blank(text);
        switch (_random.Next(depth < 6 ? 9 : 6))
        {
            case 0:
                text.Append(_random.Next(3) switch { 0 => "null", 1 => "true", _ => "false" });
                break;
            case 1 or 2:
                text.Append(Number());
                break;
            case 3 or 4 or 5:
                String(text);
                break;
            case 6:
                text.Append('[');
                for (int i = 0, count = _random.Next(5); i < count; i++)
                    text.Append(i == 0 ? "" : ",").Append(Value(depth + 1));
                Blank(text);
                text.Append(']');
                break;
            default:
                text.Append(Object(depth));
                break;
        }

        Blank(text);
        return text.ToString();
    }

    /// <summary>An object, with keys that come twice and keys that JavaScript sorts.</summary>
    public string Object(int depth = 0)
    {
        var text = new StringBuilder("{");
        for (int i = 0, count = _random.Next(7); i < count; i++)
        {
            Blank(text.Append(i == 0 ? "" : ","));
            text.Append('"').Append(s_keys[_random.Next(s_keys.Length)]).Append('"');
            Blank(text);
            text.Append(':').Append(Value(depth + 1));
        }

        Blank(text);
        return text.Append('}').ToString();
    }

    /// <summary>The text with one to three characters changed, mostly no JSON any more.</summary>
    public string Mutate(string original)
    {
        const string Characters = "{}[]:,\"\\u0019-+.eEtn \n\t\u000b\u00a0\ufeffaNI/*";
        var text = new StringBuilder(original);
        for (int changes = 1 + _random.Next(3); changes > 0 && text.Length > 0; changes--)
        {
            int at = _random.Next(text.Length);
            char c = Characters[_random.Next(Characters.Length)];
            if (char.IsSurrogate(text[at]))
                continue; // half a pair is no UTF-8, and so no text
            switch (_random.Next(3))
            {
                case 0:
                    text[at] = c;
                    break;
                case 1 when at == 0 || !char.IsHighSurrogate(text[at - 1]):
                    text.Insert(at, c);
                    break;
                default:
                    text.Remove(at, 1);
                    break;
            }
        }

        return text.ToString();
    }

    private string Number()
    {
        double any = BitConverter.Int64BitsToDouble(_random.NextInt64(long.MinValue, long.MaxValue));
        return _random.Next(6) switch
        {
            0 when double.IsFinite(any) => any.ToString("R", CultureInfo.InvariantCulture),
            1 when double.IsFinite(any) => any.ToString("E20", CultureInfo.InvariantCulture),
            2 => (_random.NextDouble() * Math.Pow(10, _random.Next(-8, 24))).ToString("R", CultureInfo.InvariantCulture),
            3 => _random.NextInt64(long.MinValue, long.MaxValue).ToString(CultureInfo.InvariantCulture),
            _ => s_numbers[_random.Next(s_numbers.Length)],
        };
    }

    private void String(StringBuilder text)
    {
        text.Append('"');
        for (int i = _random.Next(9); i > 0; i--)
            text.Append(s_bits[_random.Next(s_bits.Length)]);
        text.Append('"');
    }

    private void Blank(StringBuilder text)
    {
        if (_random.Next(6) == 0)
            text.Append(" \t\r\n"[_random.Next(4)]);
    }
}
