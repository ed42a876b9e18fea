using System.Text;

namespace Ssb.Conn.Staging.Tests.Json;

/// <summary>Data of few fields are kept in another way than others; nobody can tell: long random walks beside a list of names and texts.</summary>
public class PeerDataModelTests
{
    private static readonly (string Text, string Json)[] s_texts =
        [("@a", "\"@a\""), ("lan", "\"lan\""), ("é+", "\"é+\""), ("\ud800", "\"\\ud800\""), ("q\"\n", "\"q\\\"\\n\""), ("", "\"\"")];

    private static readonly string[] s_names = ["key", "type", "verified", "source", "extra"];

    [Fact]
    public void Walk_ByPropertiesFieldsAndMerges_IsThatOfAListOfFields()
    {
        var random = new Random(7);
        for (int walk = 0; walk < 3_000; walk++)
        {
            (PeerData data, List<(string Name, string Json)> model) = (new PeerData(), []);
            for (int step = 0; step < 8; step++)
            {
                (data, model) = Step(random, data, model);
                Check(random, data, model);
            }
        }
    }

    private static (PeerData Data, List<(string Name, string Json)> Model) Step(Random random, PeerData data, List<(string Name, string Json)> model)
    {
        (string text, string json) = s_texts[random.Next(s_texts.Length)];
        bool flag = random.Next(2) == 0;
        string name = s_names[random.Next(s_names.Length)];
        switch (random.Next(9))
        {
            case 0:
                return (data with { Key = text }, Set(model, "key", json));
            case 1:
                return (data with { Type = text }, Set(model, "type", json));
            case 2:
                return (data with { Verified = flag }, Set(model, "verified", flag ? "true" : "false"));
            case 3:
                return random.Next(3) switch
                {
                    0 => (data with { Key = null }, Out(model, "key")),
                    1 => (data with { Type = null }, Out(model, "type")),
                    _ => (data with { Verified = null }, Out(model, "verified")),
                };
            case 4:
                return (data.With(name, text), Set(model, name, json));
            case 5:
                return (data.With(name, flag), Set(model, name, flag ? "true" : "false"));
            case 6:
                return (data.Without(name, "extra"), Out(model, name, "extra"));
            case 7:
                return (PeerData.Parse(JsonOf(model)), model);
            default:
                (PeerData given, List<(string Name, string Json)> told) = Step(random, PeerData.Empty, []);
                (given, told) = Step(random, given, told);
                foreach ((string field, string value) in told)
                    model = Set(model, field, value);
                return (data.Merge(given), model);
        }
    }

    private static void Check(Random random, PeerData data, List<(string Name, string Json)> model)
    {
        Assert.Equal(JsonOf(model), data.ToJson());
        Assert.Equal(model.Sum(f => Encoding.UTF8.GetByteCount(f.Name) + Encoding.UTF8.GetByteCount(f.Json)), data.Length);
        for (int around = -1; around <= 1; around++)
            Assert.Equal(around < 0, data.IsLongerThan(data.Length + around));
        Assert.Equal(model.Select(f => f.Name), data.Fields.Select(f => f.Key));
        Assert.All(s_names, name => Assert.Equal(model.Any(f => f.Name == name), data.Has(name)));
        Assert.Equal(TextOf(model, "key"), data.Key);
        Assert.Equal(TextOf(model, "type"), data.Type);
        Assert.Equal(model.Find(f => f.Name == "verified").Json switch { "true" => true, "false" => false, _ => (bool?)null }, data.Verified);

        (string Name, string Json)[] shuffled = [.. model];
        random.Shuffle(shuffled);
        PeerData other = PeerData.Parse(JsonOf(shuffled));
        Assert.Equal(data, other);
        Assert.Equal(data.GetHashCode(), other.GetHashCode());
        Assert.Same(data, data.Merge(other));
        Assert.NotEqual(data, data.With("another", true));
        if (model.Count > 0)
            Assert.NotEqual(data, data.Without(model[random.Next(model.Count)].Name));
    }

    private static List<(string Name, string Json)> Set(List<(string Name, string Json)> model, string name, string json)
    {
        int place = model.FindIndex(f => f.Name == name);
        return place < 0 ? [.. model, (name, json)] : [.. model.Take(place), (name, json), .. model.Skip(place + 1)];
    }

    private static List<(string Name, string Json)> Out(List<(string Name, string Json)> model, params string[] names) =>
        [.. model.Where(f => !names.Contains(f.Name))];

    private static bool IsText(string json) => json.StartsWith('"');

    private static string? TextOf(List<(string Name, string Json)> model, string name) =>
        model.Find(f => f.Name == name).Json is { } json && IsText(json) ? s_texts.First(t => t.Json == json).Text : null;

    private static string JsonOf(IEnumerable<(string Name, string Json)> model) =>
        "{" + string.Join(',', model.Select(f => $"\"{f.Name}\":{f.Json}")) + "}";
}
