using System.Text;
using Interop.Tests.Addresses;
using Interop.Tests.Harness;
using Interop.Tests.Signing;
using Ssb.Conn;
using Ssb.Wire;

namespace Interop.Tests.Staging;

/// <summary>One call of a program; <c>tick</c> moves the clock.</summary>
internal sealed record StagingCall(string Name, string? Address = null, string? Data = null, int Milliseconds = 0)
{
    public string ToJson() => Name switch
    {
        "tick" => $"[\"tick\",{Milliseconds}]",
        _ when Address is null => $"[\"{Name}\"]",
        _ when Data is null => $"[\"{Name}\",{NodeOracle.Quote(Address)}]",
        _ => $"[\"{Name}\",{NodeOracle.Quote(Address)},{Data}]",
    };
}

/// <summary>Random programs of calls. They keep away from the deliberate differences, and from nothing else; the numbers are
/// those of <c>docs/differences-from-js.md</c>.</summary>
/// <remarks>Avoided: <c>stagingBirth</c> and <c>stagingUpdated</c> as data (5); more peers than the capacity, longer addresses and more data
/// than the limits (8); an address that names a key, first staged without that key or ever with another (12); a <c>verified</c> that was
/// true and is then made anything else; half of a surrogate pair in data.</remarks>
internal sealed class StagingPrograms(int seed)
{
    private readonly Random _random = new(seed);
    private readonly AddressStrings _addresses = new(seed);
    private readonly JsonTexts _values = new(seed);

    /// <summary>A program of so many calls, the last of which come after <c>close</c>.</summary>
    public List<StagingCall> Next(int length)
    {
        string[] addresses = [.. Enumerable.Range(0, _random.Next(3, 60)).Select(_ => Address())];
        var settled = new Settled([], []);
        var calls = new List<StagingCall>();
        while (calls.Count < length - 8)
        {
            string address = _random.Next(25) == 0 ? Invalid() : addresses[_random.Next(addresses.Length)];
            switch (_random.Next(20))
            {
                case < 9:
                    calls.Add(new("stage", address, Data(address, settled)));
                    break;
                case < 13:
                    calls.Add(new("unstage", address));
                    settled.Verified.Remove(address);
                    settled.Keyed.Remove(address);
                    break;
                case < 16:
                    calls.Add(new("get", address));
                    break;
                case 16:
                    calls.Add(new("entries"));
                    break;
                default:
                    calls.Add(new("tick", Milliseconds: _random.Next(4) == 0 ? _random.Next(100_000) : _random.Next(3)));
                    break;
            }
        }

        calls.Add(new("entries"));
        calls.Add(new("close"));
        foreach (string name in (string[])["stage", "unstage", "get"])
        {
            calls.Add(new(name, addresses[0]));
            calls.Add(new(name, "!!not an address"));
        }

        return calls;
    }

    private string Address()
    {
        switch (_random.Next(5))
        {
            case 0: // any at all, but one without a key
                string any = _addresses.Valid(_random.Next(2, 60));
                return MultiserverAddress.Parse(any).FeedId is null ? any : "net:localhost:8008";
            case 1:
                return $"net:192.168.{_random.Next(3)}.{_random.Next(1, 255)}:8008~noauth";
            default:
                byte[] key = new byte[32];
                _random.NextBytes(key);
                return $"net:10.0.0.{_random.Next(1, 255)}:{_random.Next(1, 65_536)}~shs:{Convert.ToBase64String(key)}";
        }
    }

    private string Invalid()
    {
        string text;
        do
        {
            text = _addresses.Mutate(_addresses.Valid(20));
        }
        while (MultiserverAddress.IsValid(text));
        return text;
    }

    private string? Data(string address, Settled settled)
    {
        string? key = MultiserverAddress.TryParse(address, out MultiserverAddress? valid) ? valid.FeedId?.ToString() : null;
        bool mayStayUnnamed = key is null || settled.Keyed.Contains(address);
        if (mayStayUnnamed && _random.Next(6) == 0)
            return null;

        var fields = new Dictionary<string, string>();
        if (key is not null && !(mayStayUnnamed && _random.Next(3) == 0))
            fields["key"] = _random.Next(6) switch { 0 => "null", 1 => "7", 2 => $"\"{key.Replace("=", "", StringComparison.Ordinal)}\"", 3 => $"\"{key[1..45]}\"", _ => $"\"{key}\"" };
        else if (key is null && _random.Next(3) == 0)
            fields["key"] = _random.Next(3) switch { 0 => "null", 1 => Value(), _ => "\"@7MGlRzNLqn4ac+oVXHGkmVDXiVrCIyWMdZ6rnHb5r+4=.ed25519\"" };
        if (_random.Next(2) == 0)
            fields["type"] = _random.Next(5) switch { 0 => "null", 1 => Value(), 2 => "\"room-attendant\"", _ => "\"lan\"" };
        if (_random.Next(3) == 0)
            fields["verified"] = settled.Verified.Contains(address) ? "true" : _random.Next(6) switch { 0 => "null", 1 => Value(), 2 => "true", _ => "false" };
        if (fields.GetValueOrDefault("verified") == "true")
            settled.Verified.Add(address);
        if (key is not null)
            settled.Keyed.Add(address);
        string[] names = ["name", "note", "announcers", "stagingbirth", "0", "10", "-1", "\u00e9", "\U0001f600", "constructor", "__proto__", "toString", "", "a b", "\u2028"];
        for (int i = _random.Next(5); i > 0; i--)
            fields[names[_random.Next(names.Length)]] = Value();
        return "{" + string.Join(",", fields.OrderBy(_ => _random.Next()).Select(field => $"{NodeOracle.Quote(field.Key)}:{field.Value}")) + "}";
    }

    /// <summary>Which of the addresses that are staged were given a key, and which were once verified.</summary>
    private sealed record Settled(HashSet<string> Keyed, HashSet<string> Verified);

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
