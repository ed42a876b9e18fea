using System.Text;
using Interop.Tests.Addresses;
using Interop.Tests.Harness;
using Interop.Tests.Signing;
using Ssb.Conn;
using Ssb.Wire;

namespace Interop.Tests.Db;

/// <summary>One call of a program. <c>tick</c> moves the clock, <c>change</c> is an update with a function.</summary>
internal sealed record DbCall(string Name, string? Argument = null, string? Data = null, int Milliseconds = 0)
{
    public string ToJson() => Name switch
    {
        "tick" => $"[\"tick\",{Milliseconds}]",
        _ when Argument is null => $"[\"{Name}\"]",
        _ when Data is null => $"[\"{Name}\",{NodeOracle.Quote(Argument)}]",
        _ => $"[\"{Name}\",{NodeOracle.Quote(Argument)},{Data}]",
    };
}

/// <summary>Random programs of calls on an address book. They keep away from what <c>docs/differences-from-js.md</c> lists, and from nothing
/// else.</summary>
/// <remarks>Avoided: a <c>birth</c> that is no number; a key in another spelling than <c>@...=.ed25519</c>; an address that names a key,
/// stored without that key or with another; names of fields that are whole numbers, which come first in every JavaScript object; half of a
/// surrogate pair in data.</remarks>
internal sealed class DbPrograms
{
    private static readonly string[] s_ids = [.. Enumerable.Range(1, 6).Select(Id)];

    private readonly Random _random;
    private readonly JsonTexts _values;
    private readonly AddressStrings _texts;
    private readonly string[] _addresses;

    public DbPrograms(int seed)
    {
        (_random, _values, _texts) = (new Random(seed), new JsonTexts(seed), new AddressStrings(seed));
        _addresses = [.. Enumerable.Range(0, _random.Next(3, 40)).Select(_ => Address())];
    }

    /// <summary>So many calls between opening and closing.</summary>
    public List<DbCall> Next(int length) => [.. Enumerable.Range(0, length).Select(_ => Call())];

    /// <summary>A <c>gossip.json</c>.</summary>
    public string Gossip() => "[" + string.Join(", ", Enumerable.Range(0, _random.Next(1, 8)).Select(i =>
    {
        string address = _addresses[_random.Next(_addresses.Length)];
        return _random.Next(3) switch
        {
            0 => $$"""{"address":{{NodeOracle.Quote(address)}},"key":"{{MultiserverAddress.Parse(address).FeedId?.ToString() ?? s_ids[0]}}","announcers":{{i}}}""",
            1 => $$"""{"host":"pub{{i}}.example","port":{{8000 + i}},"key":"{{Id(100 + i)}}","source":"pub","duration":{"mean":1.5} }""",
            _ => $$"""{"key":"{{Id(100 + i)}}","port":8008,"host":"10.0.0.{{i}}","failure":{{i}}}""",
        };
    })) + "]";

    private static string Id(int n) => new FeedId([(byte)n, .. Enumerable.Repeat((byte)0xFE, 31)]).ToString();

    private DbCall Call()
    {
        string address = _random.Next(30) == 0 ? Invalid() : _addresses[_random.Next(_addresses.Length)];
        return _random.Next(20) switch
        {
            < 5 => new("set", address, Data(address)),
            < 7 => new("replace", address, Data(address)),
            < 9 => new("update", address, Data(address)),
            9 => new("change", address, Data(address)),
            < 13 => new("delete", address),
            13 => new("has", address),
            < 16 => new("get", address),
            16 => new("entries"),
            17 => new("getAddressForId", s_ids[_random.Next(s_ids.Length)]),
            _ => new("tick", Milliseconds: _random.Next(3) == 0 ? _random.Next(100_000) : _random.Next(3)),
        };
    }

    private string Address()
    {
        switch (_random.Next(4))
        {
            case 0: // any at all, but one without a key
                string any = _texts.Valid(_random.Next(2, 60));
                return MultiserverAddress.Parse(any).FeedId is null ? any : "net:localhost:8008";
            case 1:
                return $"net:192.168.{_random.Next(3)}.{_random.Next(1, 255)}:8008~noauth";
            default:
                return $"net:10.0.0.{_random.Next(1, 255)}:8008~shs:{s_ids[_random.Next(s_ids.Length)][1..^8]}";
        }
    }

    private string Invalid()
    {
        string text;
        do
        {
            text = _texts.Mutate(_texts.Valid(20));
        }
        while (MultiserverAddress.IsValid(text));
        return text;
    }

    private string Data(string address)
    {
        var fields = new Dictionary<string, string>();
        string? key = MultiserverAddress.TryParse(address, out MultiserverAddress? valid) ? valid.FeedId?.ToString() : null;
        if (key is not null)
            fields["key"] = $"\"{key}\"";
        else if (_random.Next(2) == 0)
            fields["key"] = _random.Next(5) switch { 0 => "null", 1 => "7", _ => $"\"{s_ids[_random.Next(s_ids.Length)]}\"" };
        if (_random.Next(6) == 0)
            fields["birth"] = _random.Next(3) switch { 0 => "0", 1 => "-1.5", _ => $"{_random.Next()}" };
        string[] names =
        [
            "type", "source", "failure", "duration", "ping", "autoconnect", "stateChange", "alias", "name", "-1", "1.5", "é", "\U0001f600", "constructor", "__proto__",
            "toString", "", "a b", "\u2028", "\"", "\n", "\\",
        ];
        for (int i = _random.Next(6); i > 0; i--)
            fields[names[_random.Next(names.Length)]] = Value();
        return "{" + string.Join(",", fields.OrderBy(_ => _random.Next()).Select(field => $"{NodeOracle.Quote(field.Key)}:{field.Value}")) + "}";
    }

    /// <summary>A value in the one spelling that JSON.stringify has for it.</summary>
    private string Value()
    {
        while (true)
        {
            string text = Encoding.UTF8.GetString(JavaScriptJson.Compact(Encoding.UTF8.GetBytes(_values.Value(depth: 3))));
            if (!text.Contains("\\ud", StringComparison.Ordinal))
                return text;
        }
    }
}
