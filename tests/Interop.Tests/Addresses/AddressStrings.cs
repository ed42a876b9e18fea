using System.Text;

namespace Interop.Tests.Addresses;

/// <summary>Strings that are multiserver addresses, nearly are, or are not at all. The same seed gives the same strings.</summary>
internal sealed class AddressStrings(int seed)
{
    private const string NameStart = "abcdefghijklmnopqrstuvwxyz";
    private const string NameRest = NameStart + "0123456789-";

    /// <summary>What breaks careless parsers: separators, escapes, neighbours of each range, controls, wide characters,
    /// halves of surrogate pairs, and digits and letters that are not ASCII.</summary>
    private const string Trouble =
        "!:;~!:;~ \t\r\n\0\u001f\"#'@=<>[]_`{|}~\u007f\u0080\u00a0\u00e9\u0131\u0660\u2028\u2029\ufeff\uff1a\uff5e\ud83d\ude00\udc00\ud800AZaz09./+-";

    private static readonly string[] s_known =
    [
        "net:192.168.1.4:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=",
        "net:fe80::1:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0",
        "net:fe80::1ff:fe23:4567:890a%eth0:8008~shs:+/AhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R=",
        "ws://example.com:80/path~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=;net:example.com:8008~noauth",
        "onion:abcdefghijklmnop.onion:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=:c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ=",
        "unix:/home/someone/.ssb/socket~noauth",
        "tunnel:@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519:@7MGlRzNLqn4ac+oVXHGkmVDXiVrCIyWMdZ6rnHb5r+4=.ed25519~shs:7MGlRzNLqn4ac+oVXHGkmVDXiVrCIyWMdZ6rnHb5r+4=",
        "net:a!:b!;c!~d!!e:8008", "shs:::", "ab", "net:::", "a-", "bt:00!:11!:22~shs2:xyz", "net:[::1]:8008",
    ];

    private readonly Random _random = new(seed);

    /// <summary>One that follows the grammar, of about this length, escapes and empty fields included.</summary>
    public string Valid(int length)
    {
        if (_random.Next(4) == 0)
            return s_known[_random.Next(s_known.Length)];
        var text = new StringBuilder();
        Name(text);
        while (text.Length < length)
        {
            switch (_random.Next(12))
            {
                case < 8:
                    text.Append(':');
                    Data(text, Math.Min(length - text.Length, _random.Next(length)));
                    break;
                case < 11:
                    Name(text.Append('~'));
                    break;
                default:
                    Name(text.Append(';'));
                    break;
            }
        }

        return text.ToString();
    }

    /// <summary>One of exactly this length.</summary>
    public string ValidOfLength(int length)
    {
        string text = Valid(length / 2);
        return text.Length < length ? text + ":" + new string('x', length - text.Length - 1) : new string('x', length);
    }

    /// <summary>The text with one to four changes.</summary>
    public string Mutate(string original)
    {
        var text = new StringBuilder(original);
        for (int changes = 1 + _random.Next(4); changes > 0; changes--)
        {
            int at = _random.Next(text.Length + 1);
            int within = text.Length == 0 ? -1 : _random.Next(text.Length);
            switch (_random.Next(9))
            {
                case 0 when within >= 0: // one bit
                    text[within] ^= (char)(1 << _random.Next(8));
                    break;
                case 1 when within >= 0:
                    text[within] = Trouble[_random.Next(Trouble.Length)];
                    break;
                case 2:
                    text.Insert(at, Trouble[_random.Next(Trouble.Length)]);
                    break;
                case 3 when within >= 0:
                    text.Remove(within, Math.Min(1 + _random.Next(6), text.Length - within));
                    break;
                case 4 when within >= 0: // what stands here, twice
                    text.Insert(within, text.ToString(within, Math.Min(1 + _random.Next(8), text.Length - within)));
                    break;
                case 5: // a doubled or stray separator or escape
                    text.Insert(at, "!!::~~;;"[_random.Next(8)]);
                    break;
                case 6: // at the end, where '$' of a regular expression forgives
                    text.Append("\n\r\0:~;! "[_random.Next(8)]);
                    break;
                case 7 when within >= 0:
                    text[within] = char.ToUpperInvariant(text[within]);
                    break;
                case 8:
                    text.Insert(at, (char)_random.Next(0x10000));
                    break;
            }
        }

        return text.ToString();
    }

    /// <summary>Anything, mostly from the characters that matter.</summary>
    public string Noise(int length) => string.Create(length, _random, static (text, random) =>
    {
        for (int i = 0; i < text.Length; i++)
            text[i] = random.Next(3) == 0 ? Trouble[random.Next(Trouble.Length)] : NameRest[random.Next(NameRest.Length)];
    });

    private void Name(StringBuilder text)
    {
        text.Append(NameStart[_random.Next(26)]);
        for (int more = 1 + _random.Next(5); more > 0; more--)
            text.Append(NameRest[_random.Next(NameRest.Length)]);
    }

    private void Data(StringBuilder text, int length)
    {
        for (int i = 0; i < length; i++)
        {
            char c = _random.Next(20) == 0 ? "!:;~"[_random.Next(4)] : (char)_random.Next('"', '~');
            (c is '!' or ':' or ';' or '~' ? text.Append('!') : text).Append(c);
        }
    }
}
