using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Soak;

/// <summary>Remembers, changes, forgets and dials peers all the time, and knows what the address book must hold.</summary>
/// <remarks>What connections write there by themselves (states, failures, durations, pings) is beside what is compared: who is there, since when, and what was
/// noted last.</remarks>
internal sealed class AddressBook(Cast cast, Host host, Leaks leaks) : IDisposable
{
    private const int Most = 400;
    private const string Field = "soakNote";

    private readonly Random _random = cast.RandomFor("address book");
    private readonly SemaphoreSlim _turn = new(1); // one change, or one restart, at a time
    private readonly Dictionary<string, (double Note, double? Birth)> _model = [];
    private readonly List<string> _order = []; // of the model, for choosing
    private readonly List<Task> _dials = [];
    private double _note;

    public long Changes { get; private set; }

    public long Dials { get; private set; }

    public int ModelCount => _model.Count;

    public async Task RunAsync(CrowdProcess crowd, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(20, 100)), TimeProvider.System, cancellationToken);
            using (await TakeTurnAsync())
                Change(crowd);
        }
    }

    /// <summary>Nothing is changed until it is disposed of.</summary>
    public async Task<IDisposable> TakeTurnAsync()
    {
        await _turn.WaitAsync();
        return new Turn(_turn);
    }

    public Task DialsEnded() => Task.WhenAll(_dials);

    /// <summary>Compares what is there with the model, which learns when each was born.</summary>
    /// <param name="there">Addresses and their data, as JSON.</param>
    /// <returns>What is wrong.</returns>
    public IReadOnlyList<string> Compare(IEnumerable<(string Address, JsonElement Data)> there)
    {
        var wrong = new List<string>();
        var missing = new HashSet<string>(_model.Keys);
        foreach ((string address, JsonElement data) in there)
        {
            if (!missing.Remove(address))
            {
                wrong.Add($"{address} is there, or twice, and should not be");
                continue;
            }

            (double note, double? birth) = _model[address];
            double? born = Number(data, "birth");
            if (Number(data, Field) != note)
                wrong.Add($"{address} has the note {Number(data, Field)}, not {note}");
            if (born is null || (birth is not null && born != birth))
                wrong.Add($"{address} was born {born}, not {birth}");
            _model[address] = (note, born);
        }

        wrong.AddRange(missing.Select(m => $"{m} is lost"));
        return wrong;
    }

    public void Dispose() => _turn.Dispose();

    /// <summary>The file, read without the code under test.</summary>
    public static IEnumerable<(string Address, JsonElement Data)> Read(string folder)
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "conn.json")));
        foreach (JsonProperty peer in file.RootElement.EnumerateObject())
            yield return (peer.Name, peer.Value.Clone());
    }

    public static IEnumerable<(string Address, JsonElement Data)> Read(ConnPlugin conn) =>
        conn.DbPeers().Select(p => (p.Address.Text, JsonElement.Parse(p.Data.ToJson())));

    private void Change(CrowdProcess crowd)
    {
        Changes++;
        ConnPlugin conn = host.Peer.Conn;
        _dials.RemoveAll(d => d.IsCompleted);
        int what = _random.Next(10);
        if (_order.Count == 0 || (what < 4 && _order.Count < Most))
        {
            string address = NewAddress(crowd);
            if (!_model.ContainsKey(address))
                _order.Add(address);
            Note(address, _model.GetValueOrDefault(address).Birth, note => conn.Remember(address, note));
            return;
        }

        int index = _random.Next(_order.Count);
        string known = _order[index];
        if (what < 4 || what == 4)
        {
            conn.Forget(known);
            _model.Remove(known);
            _order[index] = _order[^1];
            _order.RemoveAt(_order.Count - 1);
        }
        else if (what == 5 && _dials.Count < 8)
        {
            Dials++;
            _dials.Add(DialAsync(conn, known));
        }
        else if (what < 8)
        {
            Note(known, _model[known].Birth, note => conn.Remember(known, note));
        }
        else
        {
            Note(known, _model[known].Birth, note => conn.Db.Update(MultiserverAddress.Parse(known), data => data.Merge(note)));
        }

        leaks.OnBook(host.Peer, known);
    }

    private void Note(string address, double? birth, Action<PeerData> write)
    {
        write(PeerData.Empty.With(Field, ++_note));
        _model[address] = (_note, birth);
    }

    // Of the crowd, or where nobody listens.
    private string NewAddress(CrowdProcess crowd)
    {
        if (_random.Next(3) == 0 && crowd.Here is { Count: > 0 } here)
            return here.ElementAt(_random.Next(here.Count)).Text;
        using KeyPair keys = KeyPair.FromSeed(SHA256.HashData(BitConverter.GetBytes(_random.NextInt64())));
        return string.Create(CultureInfo.InvariantCulture, $"net:127.0.0.1:{_random.Next(1, 1024)}~shs:{keys.Id.ToBase64()}");
    }

    private static async Task DialAsync(ConnPlugin conn, string address)
    {
        try
        {
            await conn.ConnectAsync(address);
        }
        catch (Exception e) when (e is ConnectFailedException or ObjectDisposedException or OperationCanceledException)
        {
            // Nobody is there, or the peer is being started anew; the failure is what is wanted.
        }
    }

    private static double? Number(JsonElement data, string name) => data.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
